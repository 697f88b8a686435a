import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { checkpointJson, checkpointText } from './checkpointText.js';
import { inspectCheckpoint } from './inspectCheckpoint.js';
import { checkpointFilesIn, upgradeCheckpoint } from './upgradeCheckpoint.js';

const usage = `Usage: lightning-ts checkpoint inspect FILE... [--tensors] [--json]
       lightning-ts checkpoint upgrade FILE_OR_FOLDER... [--extension .ckpt] [--output FILE]

inspect  says what is in a checkpoint, ours or Python Lightning's of any version; --tensors lists its weights.
upgrade  brings files of older versions to today's format, in place. Files of today's format are left alone.

Nothing in a file is run.`;

/** Where a command writes; lines without their ends. */
export interface CommandOutput {
  readonly print: (line: string) => void;
  readonly fail: (line: string) => void;
}

/**
 * `lightning-ts checkpoint ...`
 *
 * @param args what follows `checkpoint`
 * @returns the exit status: 0, 1 when a file could not be read or written, 2 for a command that cannot be understood
 */
export async function checkpointCommand(args: readonly string[], output: CommandOutput): Promise<number> {
  const [action, ...rest] = args;
  if (action === undefined || action === '--help' || action === 'help' || rest.includes('--help')) {
    output.print(usage);
    return action === undefined ? 2 : 0;
  }
  const run = { inspect, upgrade }[action];
  if (run === undefined) return misused(output, `'${action}' is no command of checkpoint.`);
  return run(rest, output);
}

async function inspect(args: string[], output: CommandOutput): Promise<number> {
  const parsed = parse(args, { tensors: { type: 'boolean' }, json: { type: 'boolean' } });
  if (typeof parsed === 'string') return misused(output, parsed);
  const { paths, values } = parsed;
  return eachOf(paths, output, async (path, index) => {
    const summary = await inspectCheckpoint(path);
    if (index > 0 && !values.json) output.print('');
    output.print(values.json ? checkpointJson(summary) : checkpointText(summary, values.tensors === true));
  });
}

async function upgrade(args: string[], output: CommandOutput): Promise<number> {
  const parsed = parse(args, { extension: { type: 'string' }, output: { type: 'string' } });
  if (typeof parsed === 'string') return misused(output, parsed);
  const { paths, values } = parsed;
  const target = values.output as string | undefined;
  const found: string[] = [];
  for (const path of paths)
    found.push(...(existsSync(path) ? await checkpointFilesIn(path, values.extension as string | undefined) : [path]));
  if (found.length === 0) return misused(output, `no checkpoint files in ${paths.join(', ')}.`);
  if (target !== undefined && found.length > 1)
    return misused(output, `--output is for one file, ${found.length} were found.`);
  return eachOf(found, output, async (path) => {
    const result = await upgradeCheckpoint(path, target === undefined ? {} : { output: target });
    const version = result.from ?? 'an unknown version';
    if (!result.upgraded) output.print(`${path}: up to date (${version})`);
    else output.print(`${result.path}: upgraded from ${version}`);
    for (const change of result.changes) output.print(`  ${change}`);
  });
}

type Flags = Record<string, { type: 'boolean' | 'string' }>;

function parse(
  args: string[],
  options: Flags,
): { paths: string[]; values: Record<string, string | boolean | undefined> } | string {
  try {
    const { positionals, values } = parseArgs({ args, options, allowPositionals: true });
    return positionals.length === 0 ? 'a file is missing.' : { paths: positionals, values };
  } catch (error) {
    return (error as Error).message;
  }
}

/** One file that fails does not keep the others from their turn. */
async function eachOf(
  paths: readonly string[],
  output: CommandOutput,
  act: (path: string, index: number) => Promise<void>,
): Promise<number> {
  let status = 0;
  for (const [index, path] of paths.entries()) {
    try {
      await act(path, index);
    } catch (error) {
      status = 1;
      output.fail(error instanceof Error ? error.message : String(error));
    }
  }
  return status;
}

function misused(output: CommandOutput, message: string): number {
  output.fail(message);
  output.fail(usage);
  return 2;
}
