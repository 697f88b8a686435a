import { pad } from '../../functions.js';
import type { Tensor } from '../../tensor.js';
import { Module } from '../module.js';
import { floatText, sizeText, spread } from '../pythonText.js';

// Amounts are [left, right] for 1d, then top, bottom, then front, back; a single number stands for all of them.

abstract class PadNd extends Module {
  readonly padding: number[];
  constructor(padding: number | number[], dimensions: number) {
    super();
    this.padding = spread(padding, 2 * dimensions);
  }
  override extraRepr(): string {
    return sizeText(this.padding);
  }
}

abstract class ConstantPadNd extends PadNd {
  constructor(
    padding: number | number[],
    readonly value: number,
    dimensions: number,
  ) {
    super(padding, dimensions);
  }
  override forward(input: Tensor): Tensor {
    return pad(input, this.padding, 'constant', this.value);
  }
  override extraRepr(): string {
    return `padding=${sizeText(this.padding)}, value=${floatText(this.value)}`;
  }
}

/** Adds `value` at both ends: [batch, channels, length]. */
export class ConstantPad1d extends ConstantPadNd {
  static override readonly keepsNoTensors = true;
  constructor(padding: number | number[], value: number) {
    super(padding, value, 1);
  }
}
/** Adds `value` at the borders: [batch, channels, height, width]. */
export class ConstantPad2d extends ConstantPadNd {
  static override readonly keepsNoTensors = true;
  constructor(padding: number | number[], value: number) {
    super(padding, value, 2);
  }
}
/** Adds `value` at the borders: [batch, channels, depth, height, width]. */
export class ConstantPad3d extends ConstantPadNd {
  static override readonly keepsNoTensors = true;
  constructor(padding: number | number[], value: number) {
    super(padding, value, 3);
  }
}

/** Adds zeros at both ends: [batch, channels, length]. */
export class ZeroPad1d extends ConstantPad1d {
  static override readonly keepsNoTensors = true;
  constructor(padding: number | number[]) {
    super(padding, 0);
  }
  override extraRepr(): string {
    return sizeText(this.padding);
  }
}
/** Adds zeros at the borders: [batch, channels, height, width]. */
export class ZeroPad2d extends ConstantPad2d {
  static override readonly keepsNoTensors = true;
  constructor(padding: number | number[]) {
    super(padding, 0);
  }
  override extraRepr(): string {
    return sizeText(this.padding);
  }
}
/** Adds zeros at the borders: [batch, channels, depth, height, width]. */
export class ZeroPad3d extends ConstantPad3d {
  static override readonly keepsNoTensors = true;
  constructor(padding: number | number[]) {
    super(padding, 0);
  }
  override extraRepr(): string {
    return sizeText(this.padding);
  }
}

abstract class ReflectionPadNd extends PadNd {
  override forward(input: Tensor): Tensor {
    return pad(input, this.padding, 'reflect');
  }
}
/** Mirrors the input at its ends, which are not repeated: [batch, channels, length]. */
export class ReflectionPad1d extends ReflectionPadNd {
  static override readonly keepsNoTensors = true;
  constructor(padding: number | number[]) {
    super(padding, 1);
  }
}
/** Mirrors the input at its borders, which are not repeated: [batch, channels, height, width]. */
export class ReflectionPad2d extends ReflectionPadNd {
  static override readonly keepsNoTensors = true;
  constructor(padding: number | number[]) {
    super(padding, 2);
  }
}
/** Mirrors the input at its borders, which are not repeated: [batch, channels, depth, height, width]. */
export class ReflectionPad3d extends ReflectionPadNd {
  static override readonly keepsNoTensors = true;
  constructor(padding: number | number[]) {
    super(padding, 3);
  }
}

abstract class ReplicationPadNd extends PadNd {
  override forward(input: Tensor): Tensor {
    return pad(input, this.padding, 'replicate');
  }
}
/** Repeats the values at the ends: [batch, channels, length]. */
export class ReplicationPad1d extends ReplicationPadNd {
  static override readonly keepsNoTensors = true;
  constructor(padding: number | number[]) {
    super(padding, 1);
  }
}
/** Repeats the values at the borders: [batch, channels, height, width]. */
export class ReplicationPad2d extends ReplicationPadNd {
  static override readonly keepsNoTensors = true;
  constructor(padding: number | number[]) {
    super(padding, 2);
  }
}
/** Repeats the values at the borders: [batch, channels, depth, height, width]. */
export class ReplicationPad3d extends ReplicationPadNd {
  static override readonly keepsNoTensors = true;
  constructor(padding: number | number[]) {
    super(padding, 3);
  }
}

abstract class CircularPadNd extends PadNd {
  override forward(input: Tensor): Tensor {
    return pad(input, this.padding, 'circular');
  }
}
/** Continues with the values of the other end: [batch, channels, length]. */
export class CircularPad1d extends CircularPadNd {
  static override readonly keepsNoTensors = true;
  constructor(padding: number | number[]) {
    super(padding, 1);
  }
}
/** Continues with the values of the other side: [batch, channels, height, width]. */
export class CircularPad2d extends CircularPadNd {
  static override readonly keepsNoTensors = true;
  constructor(padding: number | number[]) {
    super(padding, 2);
  }
}
/** Continues with the values of the other side: [batch, channels, depth, height, width]. */
export class CircularPad3d extends CircularPadNd {
  static override readonly keepsNoTensors = true;
  constructor(padding: number | number[]) {
    super(padding, 3);
  }
}
