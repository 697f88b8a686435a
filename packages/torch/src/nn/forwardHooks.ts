import { type FullBackwardHook, withBackwardHooks } from './backwardHooks.js';
import type { Module } from './module.js';

/** Gets the module, its inputs and its output; a value other than undefined replaces the output. */
export type ForwardHook<M = Module, I = unknown[], O = unknown> = (
  module: M,
  inputs: I,
  output: O,
) => O | undefined | void;
/** Gets the module and its inputs; an array replaces the inputs. */
export type ForwardPreHook<M = Module, I extends unknown[] = unknown[]> = (
  module: M,
  inputs: I,
  // the spread makes the compiler read an array literal as a tuple
) => readonly [...I] | undefined | void;

export interface HookHandle {
  remove(): void;
}

type Forward = (...inputs: unknown[]) => unknown;

/** The hooks of one module instance. While there are any, the instance has a `forward` of its own that runs them. */
export class ForwardHooks {
  private readonly before: ForwardPreHook[] = [];
  private readonly after: ForwardHook[] = [];
  private readonly backward: FullBackwardHook[] = [];

  constructor(private readonly module: Module) {}

  add(when: 'before', hook: ForwardPreHook): HookHandle;
  add(when: 'after', hook: ForwardHook): HookHandle;
  add(when: 'backward', hook: FullBackwardHook): HookHandle;
  add(when: 'before' | 'after' | 'backward', hook: ForwardPreHook | ForwardHook | FullBackwardHook): HookHandle {
    if (this.count === 0) this.wrap();
    const hooks = this[when] as unknown[];
    hooks.push(hook);
    let removed = false;
    return {
      remove: () => {
        if (removed) return;
        removed = true;
        hooks.splice(hooks.indexOf(hook), 1);
        if (this.count === 0) this.unwrap();
      },
    };
  }

  private get count(): number {
    return this.before.length + this.after.length + this.backward.length;
  }

  /** Gives a copy of the module, which has this one's wrapped `forward`, hooks of its own that do the same. */
  moveCopyOff(copy: Module, hooks: ForwardHooks): void {
    if (this.count === 0) return;
    Object.defineProperty(copy, 'forward', {
      value: this.ownForward,
      configurable: true,
      writable: true,
      enumerable: true,
    });
    if (this.ownForward === undefined) delete (copy as { forward?: unknown }).forward;
    for (const hook of this.before) hooks.add('before', hook);
    for (const hook of this.after) hooks.add('after', hook);
    for (const hook of this.backward) hooks.add('backward', hook);
  }

  private ownForward: Forward | undefined;

  private wrap(): void {
    const { module, before, after, backward } = this;
    this.ownForward = Object.getOwnPropertyDescriptor(module, 'forward')?.value as Forward | undefined;
    const original = module.forward as Forward;
    const forward = (...given: unknown[]): unknown => {
      let inputs = given;
      for (const hook of [...before]) inputs = (hook(module, inputs) as unknown[] | undefined) ?? inputs;
      const run = (passed: unknown[]): unknown => {
        let output = original.apply(module, passed);
        for (const hook of [...after]) {
          const replaced = hook(module, passed, output);
          if (replaced !== undefined) output = replaced;
        }
        return output;
      };
      return backward.length === 0 ? run(inputs) : withBackwardHooks(module, backward, inputs, run);
    };
    Object.defineProperty(module, 'forward', { value: forward, configurable: true, writable: true, enumerable: false });
  }

  private unwrap(): void {
    if (this.ownForward === undefined) delete (this.module as { forward?: unknown }).forward;
    else
      Object.defineProperty(this.module, 'forward', {
        value: this.ownForward,
        configurable: true,
        writable: true,
        enumerable: true,
      });
  }
}
