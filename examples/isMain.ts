import { fileURLToPath } from 'node:url';

/** Whether a file is the program that Node was started with, as Python's `__name__ == "__main__"`. */
export function isMain(url: string): boolean {
  return process.argv[1] === fileURLToPath(url);
}
