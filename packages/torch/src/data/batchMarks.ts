/** What a source returns instead of a batch when there is none left. */
export const end: unique symbol = Symbol('end of the epoch');

/** What stands for a sample that could not be loaded, and for a batch of none but such. */
export const skipped: unique symbol = Symbol('could not be loaded');
