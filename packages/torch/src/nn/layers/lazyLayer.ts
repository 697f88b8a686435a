import type { Tensor } from '../../tensor.js';
import type { Module } from '../module.js';
import { fieldsOf } from '../utils/computedFields.js';

/** What a kind of layer needs in order to learn a size from its first input. */
export interface LazyRules<L extends Module> {
  /** The field with that size; 0 until it is known. */
  field: string;
  sizeOfInput(layer: L, input: Tensor): number;
  /** The size that a state dict speaks of, or undefined when it says nothing. */
  sizeInState(layer: L, read: (key: string) => Tensor | undefined): number | undefined;
  /** Gives parameters and buffers the shapes that go with `size`; their values come after. */
  grow(layer: L, size: number): void;
  /** Leaves the values alone until the size is known, so that no random numbers are drawn before. */
  defersReset: boolean;
}

interface Parts {
  forward(input: Tensor, ...rest: unknown[]): Tensor;
  prepareToLoad(read: (key: string) => Tensor | undefined): void;
  resetParameters(): void;
}

/**
 * Makes `lazy`, a subclass of `plain`, learn its input size from the first input, or from the state it loads; from then on
 * an instance is the plain layer. Its parameters exist from the start, without elements, so that an optimizer can have
 * them. Meant for the static block of the class.
 */
export function learnsSize<L extends Module>(
  lazy: { prototype: L },
  plain: { prototype: L },
  rules: LazyRules<L>,
): void {
  const plainParts = plain.prototype as unknown as Parts;
  const isOpen = (layer: L): boolean => fieldsOf(layer)[rules.field] === 0;
  const settle = (layer: L, size: number): void => {
    if (!isOpen(layer)) return;
    rules.grow(layer, size);
    fieldsOf(layer)[rules.field] = size;
    plainParts.resetParameters.call(layer);
    Object.setPrototypeOf(layer, plain.prototype);
  };
  const parts: Partial<Parts> & ThisType<L> = {
    forward(input, ...rest) {
      settle(this, rules.sizeOfInput(this, input));
      return plainParts.forward.call(this, input, ...rest);
    },
    prepareToLoad(read) {
      const size = rules.sizeInState(this, read);
      if (size !== undefined) settle(this, size);
    },
  };
  if (rules.defersReset)
    parts.resetParameters = function (this: L) {
      if (!isOpen(this)) plainParts.resetParameters.call(this);
    };
  for (const [name, value] of Object.entries(parts))
    Object.defineProperty(lazy.prototype, name, { value, configurable: true, writable: true });
}
