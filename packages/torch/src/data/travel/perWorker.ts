const makers = new WeakMap<object, () => unknown>();

/**
 * A dataset that cannot be copied, because it holds a connection, an open file or `#private` fields: the workers of a
 * loader call `make` themselves, each for its own.
 *
 * `make` is also called here, once: the loader needs the length. It may be asynchronous, and may use variables around it
 * and `await import('./pets.js')`.
 *
 * @example const dataset = await perWorker(async () => new Pets(await openDatabase(path)));
 */
export function perWorker<D extends object>(make: () => D): D;
export function perWorker<D extends object>(make: () => Promise<D>): Promise<D>;
export function perWorker<D extends object>(make: () => D | Promise<D>): D | Promise<D> {
  const made = make();
  const remember = (dataset: D): D => {
    makers.set(dataset, make);
    return dataset;
  };
  return made instanceof Promise ? made.then(remember) : remember(made);
}

export const makerOf = (value: object): (() => unknown) | undefined => makers.get(value);
