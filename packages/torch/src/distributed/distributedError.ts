import { TorchError, type TorchErrorCode } from '../errors.js';
import { type ErrorMaker, errorMakers } from '../native.js';
import type { FailureReport } from './failureReport.js';

/** What a `DistributedError` names besides its message; null where it does not apply. */
export interface DistributedErrorDetails {
  /** This process's rank in the whole job. */
  rank: number | null;
  /** The call that failed: `allReduce`, `barrier`, `DistributedDataParallel`. */
  collective: string | null;
  /** The name of the process group. */
  group: string | null;
  /** Ranks (in the whole job) that the failure points at: missing, gone, or different from the rest. */
  ranks: number[];
  /** The failure of another rank that led to this one, when it is known. */
  firstFailure: FailureReport | null;
}

/**
 * An error of communication between processes. Besides code and message it names the rank, the collective and the group
 * it happened in, and the ranks it points at.
 */
export class DistributedError extends TorchError implements DistributedErrorDetails {
  override readonly name = 'DistributedError';
  readonly rank: number | null;
  readonly collective: string | null;
  readonly group: string | null;
  readonly ranks: number[];
  readonly firstFailure: FailureReport | null;

  constructor(
    code: TorchErrorCode,
    message: string,
    details: Partial<DistributedErrorDetails> & { cause?: unknown } = {},
  ) {
    super(code, message, {
      ...(details.collective == null ? {} : { operator: details.collective }),
      ...(details.cause === undefined ? {} : { cause: details.cause }),
    });
    this.rank = details.rank ?? null;
    this.collective = details.collective ?? null;
    this.group = details.group ?? null;
    this.ranks = details.ranks ?? [];
    this.firstFailure = details.firstFailure ?? null;
  }
}

/** A collective as the addon names it in its errors. The rank counts within the group. */
interface CallSite {
  collective: string;
  group: string;
  rank: number;
  size: number;
}

/** Knows which rank of the job a group's rank is, and which ranks' processes are seen to be gone. */
export interface PeerKnowledge {
  globalRank(group: string, rank: number): number;
  /** Ranks of the group whose process no longer runs, with words about each; looks for so many milliseconds. */
  gone(group: string, patience: number): { rank: number; description: string }[];
}

let knowledge: PeerKnowledge = { globalRank: (_, rank) => rank, gone: () => [] };

/** processGroups.ts says what it knows; importing it here would be a cycle. */
export function setPeerKnowledge(given: PeerKnowledge): void {
  knowledge = given;
}

const advice = {
  DISTRIBUTED_PEER_LOST:
    'the connection to another rank broke; most often its process was killed or ended with an error of its own, which its output tells',
  DISTRIBUTED_TIMEOUT:
    'another rank did not take part in time; most often it waits in a different call, is busy, or is stuck. Set TORCH_DISTRIBUTED_DEBUG=DETAIL to have the calls of all ranks compared',
  DISTRIBUTED_MISMATCH:
    'ranks gave tensors of different sizes, or called different collectives. Set TORCH_DISTRIBUTED_DEBUG=DETAIL to have the calls of all ranks compared and the rank that differs named',
} as const;

/** What the communication library's wording means. */
function codeOf(text: string): TorchErrorCode {
  if (/timed? ?out/i.test(text)) return 'DISTRIBUTED_TIMEOUT';
  if (/preamble|enforce fail/i.test(text)) return 'DISTRIBUTED_MISMATCH';
  if (
    /connection (closed|reset|refused|aborted)|broken pipe|socket (closed|error)|pair closure|read error|write error/i.test(
      text,
    )
  )
    return 'DISTRIBUTED_PEER_LOST';
  if (/EADDRINUSE|address already in use/i.test(text)) return 'DISTRIBUTED_ADDRESS_IN_USE';
  return 'DISTRIBUTED_ENGINE';
}

/** The library's text without its source positions. */
const plainText = (text: string): string =>
  text
    .split('\n')[0]!
    .replace(/\[(?:enforce fail at )?[\w./-]+\.(?:cc|cpp|h|hpp):\d+\]\s*/g, '')
    .replace(/\s*\(system error: \d+ - /g, ' (')
    .trim();

function parseSite(context: string): CallSite | null {
  if (!context.startsWith('{')) return null;
  return JSON.parse(context) as CallSite;
}

const makeError: ErrorMaker = (given, text, context) => {
  const site = parseSite(context);
  const rank = site === null ? null : knowledge.globalRank(site.group, site.rank);
  const where =
    site === null
      ? ''
      : `${site.collective} of group '${site.group}' on rank ${rank} (${site.size} ${site.size === 1 ? 'process' : 'processes'}): `;
  const details = { rank, collective: site?.collective ?? null, group: site?.group ?? null };

  if (given === 'DISTRIBUTED_ABORTED') {
    const firstFailure = JSON.parse(text) as FailureReport;
    return new DistributedError(
      given,
      `${where}given up, because rank ${firstFailure.rank} failed first: ${firstFailure.name}: ${firstFailure.message}`,
      { ...details, ranks: firstFailure.rank === null ? [] : [firstFailure.rank], firstFailure },
    );
  }
  const code = given === 'DISTRIBUTED_ENGINE' || given === 'DISTRIBUTED_STORE' ? refine(given, text) : given;
  const patience = code === 'DISTRIBUTED_PEER_LOST' ? 100 : 0;
  const gone =
    site !== null && (code === 'DISTRIBUTED_PEER_LOST' || code === 'DISTRIBUTED_TIMEOUT')
      ? knowledge.gone(site.group, patience)
      : [];
  const cause =
    gone.length > 0
      ? gone.map(({ description }) => description).join('; ')
      : (advice[code as keyof typeof advice] as string | undefined);
  // The reducer's texts are for its caller to read: distributedDataParallel.ts makes its own of those it knows.
  const said = code === 'DISTRIBUTED_REDUCER' ? text : plainText(text);
  return new DistributedError(code, `${where}${cause === undefined ? said : `${cause} (${said})`}`, {
    ...details,
    ranks: gone.map((peer) => peer.rank),
  });
};

/** A store keeps its own code unless the text says more. */
function refine(given: TorchErrorCode, text: string): TorchErrorCode {
  const code = codeOf(text);
  if (given !== 'DISTRIBUTED_STORE') return code;
  return code === 'DISTRIBUTED_TIMEOUT' || code === 'DISTRIBUTED_ADDRESS_IN_USE' ? code : given;
}

errorMakers.set('DISTRIBUTED', makeError);
