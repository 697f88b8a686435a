import { type GroupHandle, native, type WorkHandle } from '../native.js';
import type { Tensor } from '../tensor.js';
import type { BackendName } from './backends.js';
import { checkAgreement } from './callAgreement.js';
import {
  type CheckedCall,
  checkList,
  checkParts,
  checkSplits,
  checkTensor,
  memberRank,
  reductionNumber,
  refuse,
  shapeText,
} from './collectiveChecks.js';
import { DistributedError } from './distributedError.js';
import type { ReduceOp } from './reduceOp.js';
import type { Store } from './store.js';
import { Work } from './work.js';

export interface CollectiveOptions {
  /** Start and return a `Work` instead of waiting. */
  asyncOp?: boolean;
  /** How long at most, in milliseconds; default: the group's timeout. A group that timed out cannot be used again. */
  timeout?: number;
}
export interface ReduceOptions extends CollectiveOptions {
  /** Default `'sum'`. */
  op?: ReduceOp;
}
export interface RootedOptions extends CollectiveOptions {
  /** The rank (in the whole job) that sends. */
  src: number;
}
export interface CollectedOptions extends CollectiveOptions {
  /** The rank (in the whole job) that receives. */
  dst: number;
}
/** Nothing after a blocking call, a `Work` with `asyncOp: true`. */
export type Outcome<O> = O extends { asyncOp: true } ? Work : void;

export interface MessageOptions {
  /** Tells messages between two ranks apart; default 0. */
  tag?: number;
  timeout?: number;
}

export interface ProcessGroupOptions {
  name: string;
  /** Ranks of the job that belong to the group, in the group's order. */
  ranks: readonly number[];
  /** This process's place among them; -1 when it is none of them. */
  rank: number;
  backend: BackendName;
  /** A store of the group's own. */
  store: Store;
  timeout: number;
  debug: boolean;
}

/**
 * Some processes of a job, and what they do together. All of them must make the same calls in the same order; `src` and
 * `dst` are ranks of the whole job, also in groups of a few.
 *
 * A call blocks until this rank's part is done, or returns a `Work` with `{ asyncOp: true }`. Tensors must be dense (but
 * for `allReduce`) and on the backend's device.
 */
export class ProcessGroup {
  readonly name: string;
  readonly ranks: readonly number[];
  readonly rank: number;
  readonly backend: BackendName;
  readonly store: Store;
  readonly timeout: number;
  /** Whether the calls of all ranks are compared before each collective. */
  debug: boolean;
  private open: GroupHandle | null;
  private calls = 0;
  private barriers = 0;

  /** Groups are made by `initProcessGroup` and `newGroup`. */
  constructor(handle: GroupHandle | null, options: ProcessGroupOptions) {
    this.open = handle;
    this.name = options.name;
    this.ranks = options.ranks;
    this.rank = options.rank;
    this.backend = options.backend;
    this.store = options.store;
    this.timeout = options.timeout;
    this.debug = options.debug;
  }

  get size(): number {
    return this.ranks.length;
  }
  get isMember(): boolean {
    return this.rank >= 0;
  }
  /** The rank in the whole job of the group's `rank`-th process. */
  globalRankOf(rank: number): number {
    return this.ranks[rank] ?? -1;
  }
  /** The place in this group of a rank of the whole job; -1 when it is not in it. */
  groupRankOf(globalRank: number): number {
    return this.ranks.indexOf(globalRank);
  }

  /** For this room only. */
  get ref(): GroupHandle {
    if (this.open !== null) return this.open;
    throw new DistributedError(
      this.isMember ? 'DISTRIBUTED_NOT_INITIALIZED' : 'DISTRIBUTED_ARGUMENT',
      this.isMember
        ? `the process group '${this.name}' was destroyed`
        : `this process is not in group '${this.name}', which has the ranks ${this.ranks.join(', ')}; only they may use it`,
      { group: this.name },
    );
  }

  // ---- reductions

  /** Every rank gets the reduction of all ranks' tensors, in place. Sparse tensors can be summed and averaged. */
  allReduce<O extends ReduceOptions>(tensor: Tensor, options?: O): Outcome<O> {
    const { op = 'sum' }: ReduceOptions = options ?? {};
    const call = this.begin('allReduce');
    checkTensor(call, 'the tensor', tensor, { sparse: true });
    const number = reductionNumber(call, op, tensor);
    if (tensor.layout !== 'strided' && op !== 'sum' && op !== 'avg')
      refuse(call, `sparse tensors can be summed and averaged, got '${op}'`);
    this.agree(call, options, () => `${op} of ${shapeText(tensor)}`);
    return this.end(native.groupAllReduce(this.ref, tensor.handle, number, limit(options)), options);
  }

  /** `allReduce` of several tensors of one dtype in one exchange. */
  allReduceCoalesced<O extends ReduceOptions>(tensors: Tensor[], options?: O): Outcome<O> {
    const { op = 'sum' }: ReduceOptions = options ?? {};
    const call = this.begin('allReduceCoalesced');
    const [first] = tensors;
    if (first === undefined) refuse(call, 'there must be at least one tensor');
    for (const tensor of tensors) {
      checkTensor(call, 'a tensor', tensor);
      if (tensor.dtype !== first.dtype)
        refuse(call, `all tensors must have one dtype, got ${first.dtype} and ${tensor.dtype}`);
    }
    const number = reductionNumber(call, op, first);
    this.agree(call, options, () => `${op} of ${tensors.map(shapeText).join(' ')}`);
    return this.end(native.groupAllReduceCoalesced(this.ref, tensors, number, limit(options)), options);
  }

  /** The rank `dst` gets the reduction of all ranks' tensors, in place; the others keep theirs. */
  reduce<O extends ReduceOptions & CollectedOptions>(tensor: Tensor, options: O): Outcome<O> {
    const { op = 'sum' }: ReduceOptions = options;
    const call = this.begin('reduce');
    checkTensor(call, 'the tensor', tensor);
    const number = reductionNumber(call, op, tensor);
    const root = memberRank(call, 'dst', options.dst);
    this.agree(call, options, () => `${op} of ${shapeText(tensor)} to rank ${options.dst}`);
    return this.end(native.groupReduce(this.ref, tensor.handle, root, number, limit(options)), options);
  }

  /** `output` becomes the reduction of what all ranks have for this one: their `inputs[rank]`. */
  reduceScatter<O extends ReduceOptions>(output: Tensor, inputs: Tensor[], options?: O): Outcome<O> {
    const { op = 'sum' }: ReduceOptions = options ?? {};
    const call = this.begin('reduceScatter');
    checkTensor(call, 'the output', output);
    checkList(call, 'inputs', inputs, output);
    const number = reductionNumber(call, op, output);
    this.agree(call, options, () => `${op} into ${shapeText(output)}`);
    return this.end(native.groupReduceScatter(this.ref, output.handle, inputs, number, limit(options)), options);
  }

  /** The same with one input, whose rows (or elements) are shared equally: `[size * n, ...]` to `[n, ...]`. */
  reduceScatterTensor<O extends ReduceOptions>(output: Tensor, input: Tensor, options?: O): Outcome<O> {
    const { op = 'sum' }: ReduceOptions = options ?? {};
    const call = this.begin('reduceScatterTensor');
    checkParts(call, { whole: 'the input', part: 'the output' }, input, output);
    const number = reductionNumber(call, op, output);
    this.agree(call, options, () => `${op} into ${shapeText(output)}`);
    return this.end(
      native.groupReduceScatterTensor(this.ref, output.handle, input.handle, number, limit(options)),
      options,
    );
  }

  // ---- moving

  /** Every rank's tensor becomes the one of `src`. */
  broadcast<O extends RootedOptions>(tensor: Tensor, options: O): Outcome<O> {
    const call = this.begin('broadcast');
    checkTensor(call, 'the tensor', tensor);
    const root = memberRank(call, 'src', options.src);
    this.agree(call, options, () => `${shapeText(tensor)} from rank ${options.src}`);
    return this.end(native.groupBroadcast(this.ref, tensor.handle, root, limit(options)), options);
  }

  /** `broadcast` of many tensors in few exchanges, blocking. */
  broadcastAll(tensors: Tensor[], options: { src: number; bufferBytes?: number }): void {
    const call = this.begin('broadcast');
    for (const tensor of tensors) checkTensor(call, 'a tensor', tensor);
    const root = memberRank(call, 'src', options.src);
    this.agree(call, undefined, () => `${tensors.length} tensors from rank ${options.src}`);
    if (tensors.length > 0)
      native.groupBroadcastCoalesced(this.ref, tensors, options.bufferBytes ?? 250 * 2 ** 20, root);
  }

  /** `outputs[i]` becomes the tensor of the i-th rank; all of one shape. */
  allGather<O extends CollectiveOptions>(outputs: Tensor[], input: Tensor, options?: O): Outcome<O> {
    const call = this.begin('allGather');
    checkTensor(call, 'the input', input);
    checkList(call, 'outputs', outputs, input);
    this.agree(call, options, () => shapeText(input));
    return this.end(native.groupAllGather(this.ref, outputs, input.handle, limit(options)), options);
  }

  /** All ranks' inputs one after the other: `[n, ...]` to `[size * n, ...]` (or `[size, n, ...]`). */
  allGatherIntoTensor<O extends CollectiveOptions>(output: Tensor, input: Tensor, options?: O): Outcome<O> {
    const call = this.begin('allGatherIntoTensor');
    checkParts(call, { whole: 'the output', part: 'the input' }, output, input);
    this.agree(call, options, () => shapeText(input));
    return this.end(native.groupAllGatherIntoTensor(this.ref, output.handle, input.handle, limit(options)), options);
  }

  /** On the rank `dst`, `outputs[i]` becomes the tensor of the i-th rank; the others give null for `outputs`. */
  gather<O extends CollectedOptions>(outputs: Tensor[] | null, input: Tensor, options: O): Outcome<O> {
    const call = this.begin('gather');
    checkTensor(call, 'the input', input);
    const root = memberRank(call, 'dst', options.dst);
    checkRooted(call, 'outputs', outputs, input, root);
    this.agree(call, options, () => `${shapeText(input)} to rank ${options.dst}`);
    return this.end(native.groupGather(this.ref, outputs, input.handle, root, limit(options)), options);
  }

  /** Each rank's `output` becomes its entry of the `inputs` of `src`; the others give null for `inputs`. */
  scatter<O extends RootedOptions>(output: Tensor, inputs: Tensor[] | null, options: O): Outcome<O> {
    const call = this.begin('scatter');
    checkTensor(call, 'the output', output);
    const root = memberRank(call, 'src', options.src);
    checkRooted(call, 'inputs', inputs, output, root);
    this.agree(call, options, () => `${shapeText(output)} from rank ${options.src}`);
    return this.end(native.groupScatter(this.ref, output.handle, inputs, root, limit(options)), options);
  }

  /** `outputs[i]` becomes what the i-th rank has for this one in its `inputs`; shapes may differ from rank to rank. */
  allToAll<O extends CollectiveOptions>(outputs: Tensor[], inputs: Tensor[], options?: O): Outcome<O> {
    const call = this.begin('allToAll');
    checkList(call, 'outputs', outputs, null);
    checkList(call, 'inputs', inputs, null);
    const [{ dtype }] = inputs as [Tensor];
    for (const tensor of [...inputs, ...outputs])
      if (tensor.dtype !== dtype) refuse(call, `all tensors must have one dtype, got ${dtype} and ${tensor.dtype}`);
    this.agree(call, options, () => dtype);
    return this.end(native.groupAllToAll(this.ref, outputs, inputs, limit(options)), options);
  }

  /**
   * The rows of `input` go to the ranks in turn, and their rows come into `output`. Splits count rows for each rank;
   * without them the rows are shared equally.
   */
  allToAllSingle<O extends CollectiveOptions & { outputSplits?: number[]; inputSplits?: number[] }>(
    output: Tensor,
    input: Tensor,
    options?: O,
  ): Outcome<O> {
    const outputSplits: number[] = options?.outputSplits ?? [];
    const inputSplits: number[] = options?.inputSplits ?? [];
    const call = this.begin('allToAllSingle');
    checkTensor(call, 'the output', output);
    checkTensor(call, 'the input', input);
    if (output.dtype !== input.dtype) refuse(call, `the dtypes differ: ${output.dtype} and ${input.dtype}`);
    checkSplits(call, 'the output', output, outputSplits);
    checkSplits(call, 'the input', input, inputSplits);
    this.agree(call, options, () => input.dtype);
    return this.end(
      native.groupAllToAllSingle(this.ref, output.handle, input.handle, outputSplits, inputSplits, limit(options)),
      options,
    );
  }

  // ---- waiting for each other

  /** Returns when all ranks have called it. An earlier collective that failed unseen is told here. */
  barrier<O extends CollectiveOptions>(options?: O): Outcome<O> {
    const call = this.begin('barrier');
    this.agree(call, options, () => 'all ranks');
    return this.end(native.groupBarrier(this.ref, limit(options)), options);
  }

  /**
   * A barrier that says who is missing: every rank that came gets a `DISTRIBUTED_TIMEOUT` with the absent ones in
   * `error.ranks`. It runs over the store, so that the group can still be used afterwards, and takes milliseconds.
   */
  async monitoredBarrier(options: { timeout?: number } = {}): Promise<void> {
    this.begin('monitoredBarrier');
    const { store, size } = this;
    const { timeout = this.timeout } = options;
    const key = `barrier/${this.barriers++}`;
    await store.set(`${key}/${this.rank}`, '1');
    if ((await store.add(`${key}/count`)) === size) await store.set(`${key}/done`, '1');
    try {
      await store.wait([`${key}/done`], { timeout });
    } catch (error) {
      if (!(error instanceof DistributedError) || error.code !== 'DISTRIBUTED_TIMEOUT') throw error;
      const missing: number[] = [];
      for (let rank = 0; rank < size; rank += 1)
        if (!(await store.check([`${key}/${rank}`]))) missing.push(this.globalRankOf(rank));
      throw new DistributedError(
        'DISTRIBUTED_TIMEOUT',
        missing.length === 0
          ? `monitoredBarrier of group '${this.name}': all ranks came, but not within ${timeout} ms`
          : `monitoredBarrier of group '${this.name}': ${missing.length === 1 ? 'rank' : 'ranks'} ${missing.join(', ')} did not come within ${timeout} ms`,
        {
          rank: this.globalRankOf(this.rank),
          collective: 'monitoredBarrier',
          group: this.name,
          ranks: missing,
          cause: error,
        },
      );
    }
    // The last one to leave clears up.
    if ((await store.add(`${key}/left`)) === size)
      for (const part of ['count', 'done', 'left', ...this.ranks.keys()]) await store.deleteKey(`${key}/${part}`);
  }

  // ---- from one to one

  /** Sends to the rank `dst`; blocks until the tensor may be changed again. */
  send(tensor: Tensor, options: MessageOptions & { dst: number }): void {
    this.isend(tensor, options).wait();
  }
  /** Receives into `tensor` from `src`, or from anybody without it; returns the rank it came from. */
  recv(tensor: Tensor, options: MessageOptions & { src?: number } = {}): number {
    const work = this.irecv(tensor, options);
    work.wait();
    return options.src ?? this.globalRankOf(native.workSourceRank(work.ref));
  }
  /** Starts to send. */
  isend(tensor: Tensor, options: MessageOptions & { dst: number }): Work {
    const call = this.begin('send');
    checkTensor(call, 'the tensor', tensor);
    const destination = memberRank(call, 'dst', options.dst);
    if (destination === this.rank) refuse(call, 'dst is this rank itself');
    return new Work(native.groupSend(this.ref, tensor.handle, destination, options.tag ?? 0, limit(options)));
  }
  /** Starts to receive. */
  irecv(tensor: Tensor, options: MessageOptions & { src?: number } = {}): Work {
    const call = this.begin('recv');
    checkTensor(call, 'the tensor', tensor);
    const source = options.src === undefined ? -1 : memberRank(call, 'src', options.src);
    if (source === this.rank) refuse(call, 'src is this rank itself');
    return new Work(native.groupRecv(this.ref, tensor.handle, source, options.tag ?? 0, limit(options)));
  }

  /**
   * Closes the connections. False when a collective was still under way: then they stay, because closing would wait.
   * Use `destroyProcessGroup`.
   */
  close(): boolean {
    if (this.open === null) return true;
    const clean = native.groupDestroy(this.open);
    this.open = null;
    return clean;
  }

  private begin(collective: string): CheckedCall {
    void this.ref;
    return { group: this, collective };
  }

  private agree(call: CheckedCall, options: CollectiveOptions | undefined, describe: () => string): void {
    if (!this.debug) return;
    this.calls += 1;
    checkAgreement(
      this,
      this.ref,
      call.collective,
      `call ${this.calls}: ${call.collective}, ${describe()}`,
      limit(options),
    );
  }

  private end<O extends CollectiveOptions>(handle: WorkHandle, options: O | undefined): Outcome<O> {
    const work = new Work(handle);
    if (options?.asyncOp !== true) {
      work.wait();
      return undefined as Outcome<O>;
    }
    return work as Outcome<O>;
  }
}

const limit = (options: { timeout?: number } | undefined): number => options?.timeout ?? 0;

/** The list that only the root has. */
function checkRooted(call: CheckedCall, name: string, list: Tensor[] | null, like: Tensor, root: number): void {
  if (call.group.rank === root) checkList(call, name, list, like);
  else if (list !== null)
    refuse(call, `${name} belong on rank ${call.group.globalRankOf(root)} only; give null on the others`);
}
