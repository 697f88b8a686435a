import { pad } from '../../functions.js';
import type { Tensor } from '../../tensor.js';
import { Module } from '../module.js';
import { floatText, sizeText, spread } from '../pythonText.js';

// Amounts are [left, right] for 1d, then top, bottom, then front, back; a single number stands for all of them.

/** What the paddings share; each class says how many dimensions it pads. */
abstract class PadNd extends Module {
  static readonly dimensions: number;
  readonly padding: number[];
  constructor(padding: number | number[]) {
    super();
    this.padding = spread(padding, 2 * new.target.dimensions);
  }
  override extraRepr(): string {
    return sizeText(this.padding);
  }
}

abstract class ConstantPadNd extends PadNd {
  /** Zeros are not worth mentioning. */
  static readonly printsValue: boolean = true;
  constructor(
    padding: number | number[],
    readonly value: number,
  ) {
    super(padding);
  }
  override forward(input: Tensor): Tensor {
    return pad(input, this.padding, 'constant', this.value);
  }
  override extraRepr(): string {
    const padding = sizeText(this.padding);
    const { printsValue } = this.constructor as typeof ConstantPadNd;
    return printsValue ? `padding=${padding}, value=${floatText(this.value)}` : padding;
  }
}
abstract class ReflectionPadNd extends PadNd {
  override forward(input: Tensor): Tensor {
    return pad(input, this.padding, 'reflect');
  }
}
abstract class ReplicationPadNd extends PadNd {
  override forward(input: Tensor): Tensor {
    return pad(input, this.padding, 'replicate');
  }
}
abstract class CircularPadNd extends PadNd {
  override forward(input: Tensor): Tensor {
    return pad(input, this.padding, 'circular');
  }
}

/** Adds `value` at both ends: [batch, channels, length]. */
export class ConstantPad1d extends ConstantPadNd {
  static override readonly dimensions = 1;
  static override readonly keepsNoTensors = true;
}
/** Adds `value` at the borders: [batch, channels, height, width]. */
export class ConstantPad2d extends ConstantPadNd {
  static override readonly dimensions = 2;
  static override readonly keepsNoTensors = true;
}
/** Adds `value` at the borders: [batch, channels, depth, height, width]. */
export class ConstantPad3d extends ConstantPadNd {
  static override readonly dimensions = 3;
  static override readonly keepsNoTensors = true;
}

/** Adds zeros at both ends: [batch, channels, length]. */
export class ZeroPad1d extends ConstantPad1d {
  static override readonly printsValue = false;
  static override readonly keepsNoTensors = true;
  constructor(padding: number | number[]) {
    super(padding, 0);
  }
}
/** Adds zeros at the borders: [batch, channels, height, width]. */
export class ZeroPad2d extends ConstantPad2d {
  static override readonly printsValue = false;
  static override readonly keepsNoTensors = true;
  constructor(padding: number | number[]) {
    super(padding, 0);
  }
}
/** Adds zeros at the borders: [batch, channels, depth, height, width]. */
export class ZeroPad3d extends ConstantPad3d {
  static override readonly printsValue = false;
  static override readonly keepsNoTensors = true;
  constructor(padding: number | number[]) {
    super(padding, 0);
  }
}

/** Mirrors the input at its ends, which are not repeated: [batch, channels, length]. */
export class ReflectionPad1d extends ReflectionPadNd {
  static override readonly dimensions = 1;
  static override readonly keepsNoTensors = true;
}
/** Mirrors the input at its borders, which are not repeated: [batch, channels, height, width]. */
export class ReflectionPad2d extends ReflectionPadNd {
  static override readonly dimensions = 2;
  static override readonly keepsNoTensors = true;
}
/** Mirrors the input at its borders, which are not repeated: [batch, channels, depth, height, width]. */
export class ReflectionPad3d extends ReflectionPadNd {
  static override readonly dimensions = 3;
  static override readonly keepsNoTensors = true;
}

/** Repeats the values at the ends: [batch, channels, length]. */
export class ReplicationPad1d extends ReplicationPadNd {
  static override readonly dimensions = 1;
  static override readonly keepsNoTensors = true;
}
/** Repeats the values at the borders: [batch, channels, height, width]. */
export class ReplicationPad2d extends ReplicationPadNd {
  static override readonly dimensions = 2;
  static override readonly keepsNoTensors = true;
}
/** Repeats the values at the borders: [batch, channels, depth, height, width]. */
export class ReplicationPad3d extends ReplicationPadNd {
  static override readonly dimensions = 3;
  static override readonly keepsNoTensors = true;
}

/** Continues with the values of the other end: [batch, channels, length]. */
export class CircularPad1d extends CircularPadNd {
  static override readonly dimensions = 1;
  static override readonly keepsNoTensors = true;
}
/** Continues with the values of the other side: [batch, channels, height, width]. */
export class CircularPad2d extends CircularPadNd {
  static override readonly dimensions = 2;
  static override readonly keepsNoTensors = true;
}
/** Continues with the values of the other side: [batch, channels, depth, height, width]. */
export class CircularPad3d extends CircularPadNd {
  static override readonly dimensions = 3;
  static override readonly keepsNoTensors = true;
}
