import { defaultGenerator, forkRng, type Generator } from '../random.js';
import type { Tensor } from '../tensor.js';

/** The generators' states at one moment. */
interface RandomMoment {
  default: Tensor;
  own: Tensor[];
}

const momentOf = (generators: readonly Generator[]): RandomMoment => ({
  default: defaultGenerator().getState(),
  own: generators.map((generator) => generator.getState()),
});

/** Runs `fn` with the generators as they were at `moment`, and puts all of them back to where they are now. */
function replayAt(moment: RandomMoment, generators: readonly Generator[], fn: () => void): void {
  const now = generators.map((generator) => generator.getState());
  forkRng(() => {
    try {
      defaultGenerator().setState(moment.default);
      generators.forEach((generator, i) => {
        if (moment.own[i] !== undefined) generator.setState(moment.own[i]);
      });
      fn();
    } finally {
      generators.forEach((generator, i) => {
        generator.setState(now[i]!);
      });
    }
  });
}

/** An iterable of somebody else's, taken up in the middle by its own state or by iterating it again. */
export class ReplayedIterator<T> {
  private readonly iterator: Iterator<T>;
  private readonly start: RandomMoment | null;
  /** Items taken since the start of the epoch. */
  taken = 0;
  ended = false;

  /**
   * @param begin what happens between making the iterator and its first item: the loader's draw of its base seed
   * @param continues whether the iterable's own state has been loaded, so that it goes on by itself
   */
  constructor(
    iterable: Iterable<T>,
    generators: readonly Generator[],
    private readonly continues: boolean,
    begin: () => void,
    resumeAt: Record<string, unknown> | null,
    onReplayed: (item: T) => void = () => {},
  ) {
    if (resumeAt === null || continues) {
      this.start = continues ? null : momentOf(generators);
      this.iterator = iterable[Symbol.iterator]();
      this.taken = (resumeAt?.taken as number | undefined) ?? 0;
      if (resumeAt === null) begin();
      return;
    }
    this.start = resumeAt.start as RandomMoment;
    const until = resumeAt.taken as number;
    let iterator: Iterator<T> | null = null;
    replayAt(this.start, generators, () => {
      iterator = iterable[Symbol.iterator]();
      begin();
      while (this.taken < until) {
        const { done, value } = (iterator as Iterator<T>).next();
        if (done) break;
        this.taken += 1;
        onReplayed(value);
      }
    });
    this.iterator = iterator!;
  }

  /** The next item; `ended` is set when there is none. */
  next(): T | undefined {
    if (this.ended) return undefined;
    const { done, value } = this.iterator.next();
    if (done) {
      this.ended = true;
      return undefined;
    }
    this.taken += 1;
    return value;
  }

  state(): Record<string, unknown> {
    return { taken: this.taken, ...(this.continues ? {} : { start: this.start }) };
  }

  close(): void {
    if (!this.ended) this.iterator.return?.();
    this.ended = true;
  }
}
