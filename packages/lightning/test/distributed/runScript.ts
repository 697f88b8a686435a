import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** How a script's first process ended. */
export interface ScriptResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** What the script printed as `result <json>`, one for each process whose output was shown. */
  readonly results: Record<string, unknown>[];
  readonly pid: number;
}

export interface ScriptOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Called with what was printed so far, each time that there is more. */
  readonly onOutput?: (output: string, child: ChildProcess) => void;
  readonly command?: readonly string[];
}

const folder = fileURLToPath(new URL('.', import.meta.url));
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Runs one of the scripts in scripts/ as a user would; its processes are its own business. */
export function runScript(script: string, args: unknown, options: ScriptOptions = {}): Promise<ScriptResult> {
  const { command = [], env = {}, onOutput } = options;
  const own = [
    process.execPath,
    '--import',
    'tsx',
    '--conditions=@lightning-ts/source',
    `${folder}scripts/${script}.ts`,
    JSON.stringify(args),
  ];
  const [program, ...rest] = [...command, ...own];
  const child = spawn(program!, rest, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...withoutRanks(process.env), OMP_NUM_THREADS: '1', ...env },
  });
  running.add(child);
  // Nothing may outlive its test.
  const timer = setTimeout(() => child.kill('SIGKILL'), 50_000);
  let stdout = '';
  let stderr = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    onOutput?.(stdout, child);
  });
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      running.delete(child);
      const results = stdout
        .split('\n')
        .filter((line) => line.startsWith('result '))
        .map((line) => JSON.parse(line.slice('result '.length)) as Record<string, unknown>);
      resolve({ code, signal, stdout, stderr, results, pid: child.pid! });
    });
  });
}

function withoutRanks(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const names = ['RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'NODE_RANK', 'MASTER_ADDR', 'MASTER_PORT', 'PL_GLOBAL_SEED'];
  return Object.fromEntries(Object.entries(env).filter(([name]) => !names.includes(name)));
}

/** The last result, of a script that ended well. @throws Error with everything it printed otherwise */
export function resultOf<T>(result: ScriptResult): T {
  if (result.code === 0 && result.results.length > 0) return result.results.at(-1) as T;
  throw new Error(`The script ended with ${result.code ?? result.signal}:\n${result.stdout}\n${result.stderr}`);
}

/** Whether a process still runs. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
