/** The engine's operators as functions. Everything but this file leaves `generated/` to the files beside it. */
export * from './generated/functions.js';
