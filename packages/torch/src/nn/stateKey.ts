/**
 * The state-dict key of a field: a capital after a lowercase letter or digit becomes `_` and its lowercase, so
 * `layerNorm` gives `layer_norm` and `W_q` stays. Keys are computed from fields, never guessed back from a file.
 */
export const stateKeyOf = (field: string): string =>
  field.replace(/([a-z0-9])([A-Z])/g, (_, before: string, capital: string) => `${before}_${capital.toLowerCase()}`);
