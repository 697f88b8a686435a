let loading: Promise<typeof import('sharp').default> | null = null;

/** The image library, loaded on first use: data sets in memory do without it. */
export function loadSharp(): Promise<typeof import('sharp').default> {
  loading ??= import('sharp').then((library) => library.default);
  return loading;
}
