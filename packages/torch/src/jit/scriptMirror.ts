import { native, type ScriptHandle } from '../native.js';
import type { Module } from '../nn/module.js';
import { ScriptModule } from './scriptModule.js';

/** A TorchScript module without methods yet, with the tensors and the hierarchy of one of ours. */
export interface Mirror {
  script: ScriptHandle;
  /** Our object for it, once its methods are there. */
  finish(): ScriptModule<unknown[], unknown>;
}

/** Program names are Python identifiers. */
const className = (name: string): string => name.replace(/[^A-Za-z0-9_]/g, '_').replace(/^(?=\d|$)/, 'Traced');

/** For a function, which has no parts. */
export function emptyMirror(name: string): Mirror {
  const script = native.scriptModule(className(name), null);
  return { script, finish: () => new ScriptModule(script) };
}

/**
 * The mirror of a module and all below it. Parameters and buffers are shared, a module found twice is one module there
 * too, and a ScriptModule stands for itself.
 */
export function mirrorOf(
  module: Module,
  relative: ScriptHandle | null = null,
  known = new Map<Module, Mirror>(),
): Mirror {
  const existing = known.get(module);
  if (existing !== undefined) return existing;
  if (module instanceof ScriptModule) return { script: module.script, finish: () => module };

  const script = native.scriptModule(className(module.constructor.name), relative);
  const { parameters, buffers, children } = module.ownParts();
  for (const [name, parameter] of parameters) native.scriptRegister(script, 'parameter', name, parameter.handle);
  for (const [name, buffer] of buffers) native.scriptRegister(script, 'buffer', name, buffer.handle);
  const mirrors = children.map(([name, child]): [string, Mirror] => {
    const mirror = mirrorOf(child, relative ?? script, known);
    native.scriptRegister(script, 'module', name, mirror.script);
    return [name, mirror];
  });
  native.scriptSetAttribute(script, 'training', module.training);

  let finished: ScriptModule<unknown[], unknown> | undefined;
  const mirror: Mirror = {
    script,
    finish() {
      finished ??= new ScriptModule(script, {
        parameters: new Map(parameters),
        buffers: new Map(buffers),
        children: new Map(mirrors.map(([name, child]) => [name, child.finish()])),
      });
      return finished;
    },
  };
  known.set(module, mirror);
  return mirror;
}
