import { describe, isPlainObject } from './describe.js';
import { LightningError } from './errors.js';
import { nearestNames } from './nearestNames.js';

/** What a number option accepts. */
export interface NumberRange {
  readonly least?: number;
  readonly most?: number;
}

/**
 * Reads the options of a callback, logger or profiler one by one, each with its check. `done` then refuses the names that
 * nobody read, so that a misspelt option is an error rather than ignored.
 */
export class OptionReader<Options extends object> {
  private readonly read = new Set<string>();
  private readonly given: Record<string, unknown>;

  /**
   * @param owner the class, for error messages
   * @throws LightningError OPTION_INVALID unless `given` is an object of options
   */
  constructor(
    private readonly owner: string,
    given: Options,
  ) {
    if (!isPlainObject(given)) {
      throw new LightningError('OPTION_INVALID', `${owner} takes an object of options, not ${describe(given)}.`);
    }
    this.given = given;
  }

  /** The option as it came, for checks of its own. */
  value<Name extends keyof Options & string>(name: Name): Options[Name] {
    this.read.add(name);
    return this.given[name] as Options[Name];
  }

  boolean(name: keyof Options & string, fallback: boolean): boolean;
  boolean(name: keyof Options & string, fallback: boolean | null): boolean | null;
  boolean(name: keyof Options & string, fallback: boolean | null): boolean | null {
    const value: unknown = this.value(name);
    if (isAbsent(value, fallback)) return fallback;
    if (typeof value === 'boolean') return value;
    throw this.invalid(name, 'true or false');
  }

  /** A whole number from `least` up. */
  integer(name: keyof Options & string, fallback: number, least: number): number;
  integer(name: keyof Options & string, fallback: number | null, least: number): number | null;
  integer(name: keyof Options & string, fallback: number | null, least: number): number | null {
    const value: unknown = this.value(name);
    if (isAbsent(value, fallback)) return fallback;
    if (typeof value === 'number' && Number.isInteger(value) && value >= least) return value;
    throw this.invalid(name, `a whole number from ${least} up`);
  }

  /** A finite number. */
  number(name: keyof Options & string, fallback: number, range?: NumberRange): number;
  number(name: keyof Options & string, fallback: number | null, range?: NumberRange): number | null;
  number(name: keyof Options & string, fallback: number | null, range: NumberRange = {}): number | null {
    const { least = Number.NEGATIVE_INFINITY, most = Number.POSITIVE_INFINITY } = range;
    const value: unknown = this.value(name);
    if (isAbsent(value, fallback)) return fallback;
    if (typeof value === 'number' && Number.isFinite(value) && value >= least && value <= most) return value;
    const limits = `${range.least === undefined ? '' : ` from ${least} up`}${range.most === undefined ? '' : ` to ${most}`}`;
    throw this.invalid(name, limits === '' ? 'a finite number' : `a number${limits}`);
  }

  text(name: keyof Options & string, fallback: string): string;
  text(name: keyof Options & string, fallback: string | null): string | null;
  text(name: keyof Options & string, fallback: string | null): string | null {
    const value: unknown = this.value(name);
    if (isAbsent(value, fallback)) return fallback;
    if (typeof value === 'string') return value;
    throw this.invalid(name, 'a string');
  }

  /** One of some values. */
  choice<Choice extends string | boolean>(
    name: keyof Options & string,
    choices: readonly Choice[],
    fallback: Choice,
  ): Choice;
  choice<Choice extends string | boolean>(
    name: keyof Options & string,
    choices: readonly Choice[],
    fallback: Choice | null,
  ): Choice | null;
  choice<Choice extends string | boolean>(
    name: keyof Options & string,
    choices: readonly Choice[],
    fallback: Choice | null,
  ): Choice | null {
    const value: unknown = this.value(name);
    if (isAbsent(value, fallback)) return fallback;
    const found = choices.find((choice) => choice === value);
    if (found !== undefined) return found;
    throw this.invalid(name, choices.map((choice) => describe(choice)).join(' or '));
  }

  /** The error for an option with a value that cannot be used. @param expected what to give instead */
  invalid(name: keyof Options & string, expected: string): LightningError {
    return new LightningError(
      'OPTION_INVALID',
      `${this.owner}: ${name} is ${describe(this.given[name])}. Use ${expected}.`,
    );
  }

  /** @throws LightningError OPTION_UNKNOWN for an option that was not read */
  done(): void {
    for (const name of Object.keys(this.given)) {
      if (this.read.has(name)) continue;
      const known = [...this.read];
      const camel = name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
      const near = nearestNames(camel, known).map((candidate) => `'${candidate}'`);
      const hint = near.length > 0 ? `Did you mean ${near.join(' or ')}?` : `Options: ${known.sort().join(', ')}.`;
      throw new LightningError('OPTION_UNKNOWN', `${this.owner} has no option '${name}'. ${hint}`);
    }
  }
}

/** Null stands for "not given" where that is what the default is. */
function isAbsent(value: unknown, fallback: unknown): value is null | undefined {
  return value === undefined || (value === null && fallback === null);
}
