import type { Tensor } from '../tensor.js';
import type { Work } from './work.js';

/** Gradients that travel together. */
export interface GradBucket {
  /** From 0; the same on all ranks. */
  readonly index: number;
  /** Whether no other bucket of this backward pass follows. */
  readonly isLast: boolean;
  /** All gradients of the bucket, one after the other: `[elements]`. Not divided yet. */
  readonly buffer: Tensor;
  /** The gradients as views into `buffer`, each of its parameter's shape. */
  readonly gradients: Tensor[];
  readonly parameters: Tensor[];
}

/** A communication that was started, and what becomes of it. */
export interface BucketResult {
  work: Work;
  /** Called once the work has ended, at the end of backward: the averaged gradients, of the buffer's shape and dtype. */
  finish(): Tensor;
}

/**
 * Replaces the exchange of gradients. Called on each rank with the same buckets in the same order, inside backward; it
 * must not wait. It returns the result itself, or the work that brings it.
 */
export type CommHook = (bucket: GradBucket) => Tensor | BucketResult;

/**
 * How gradients are exchanged: as they are (`'allreduce'`), as float16 or bfloat16, or by a function. The shorter types
 * halve the traffic where the backend can reduce them (gloo reduces bfloat16 in float32).
 */
export type CommHookChoice = 'allreduce' | 'fp16' | 'bf16' | CommHook;
