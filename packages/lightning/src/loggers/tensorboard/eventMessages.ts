import { createRequire } from 'node:module';
import type { INamespace, Type } from 'protobufjs';

/** A tensor inside a summary; only the fields that are used here. */
export interface TensorMessage {
  /** 1: float, 7: string. */
  readonly dtype: 1 | 7;
  readonly tensor_shape: ShapeMessage;
  readonly float_val?: readonly number[];
  readonly string_val?: readonly Uint8Array[];
}

export interface ShapeMessage {
  readonly dim: readonly { readonly size: number }[];
}

export interface HistogramMessage {
  readonly min: number;
  readonly max: number;
  readonly num: number;
  readonly sum: number;
  readonly sum_squares: number;
  /** Upper edges of the buckets. */
  readonly bucket_limit: readonly number[];
  readonly bucket: readonly number[];
}

/** One tagged value: what one chart gets at one step. */
export interface SummaryValue {
  readonly tag: string;
  readonly simple_value?: number;
  readonly histo?: HistogramMessage;
  readonly image?: {
    readonly height: number;
    readonly width: number;
    readonly colorspace: number;
    readonly encoded_image_string: Uint8Array;
  };
  readonly audio?: {
    readonly sample_rate: number;
    readonly num_channels: number;
    readonly length_frames: number;
    readonly encoded_audio_string: Uint8Array;
    readonly content_type: string;
  };
  readonly tensor?: TensorMessage;
  readonly metadata?: {
    readonly plugin_data: { readonly plugin_name: string; readonly content: Uint8Array };
    readonly display_name?: string;
    readonly summary_description?: string;
  };
}

/** One record of an event file. */
export interface EventMessage {
  /** Seconds since 1970. */
  readonly wall_time: number;
  readonly step?: number;
  readonly file_version?: string;
  readonly graph_def?: Uint8Array;
  readonly summary?: { readonly value: readonly SummaryValue[] };
  /** 1: a run that starts anew at `step`. */
  readonly session_log?: { readonly status: 1 };
}

/** One operator or tensor of a model's graph. */
export interface NodeMessage {
  readonly name: string;
  readonly op: string;
  readonly input: readonly string[];
  readonly device?: string;
  readonly attr: Readonly<Record<string, AttributeMessage>>;
}

export type AttributeMessage =
  | { readonly s: Uint8Array }
  | { readonly shape: ShapeMessage }
  | { readonly list: { readonly shape: readonly ShapeMessage[] } };

export interface GraphMessage {
  readonly node: readonly NodeMessage[];
  readonly versions: { readonly producer: number };
}

type FieldRow = readonly [name: string, type: string, id: number, rule?: 'repeated'];

const message = (...rows: readonly FieldRow[]) => ({
  fields: Object.fromEntries(
    rows.map(([name, type, id, rule]) => [name, rule === undefined ? { type, id } : { type, id, rule }]),
  ),
});

/** The map type needs its key's type. */
const mapField = (type: string, id: number) => ({ keyType: 'string', type, id });

/**
 * The messages of TensorBoard's files, field by field as its readers expect them (event.proto, summary.proto, histogram.proto,
 * tensor.proto, graph.proto, attr_value.proto, and those of the hparams and pr_curves plugins). Names are the files' own: the
 * library would rename none of them, and drop what it does not know.
 */
const schema: INamespace = {
  nested: {
    Event: message(
      ['wall_time', 'double', 1],
      ['step', 'int64', 2],
      ['file_version', 'string', 3],
      ['graph_def', 'bytes', 4],
      ['summary', 'Summary', 5],
      ['session_log', 'SessionLog', 7],
    ),
    SessionLog: message(['status', 'int32', 1]),
    Summary: message(['value', 'SummaryValue', 1, 'repeated']),
    SummaryValue: {
      // Without it a 0 would be left out as the default, and the reader would find no value at all.
      oneofs: { value: { oneof: ['simple_value', 'image', 'histo', 'audio', 'tensor'] } },
      ...message(
        ['tag', 'string', 1],
        ['simple_value', 'float', 2],
        ['image', 'Image', 4],
        ['histo', 'Histogram', 5],
        ['audio', 'Audio', 6],
        ['tensor', 'Tensor', 8],
        ['metadata', 'SummaryMetadata', 9],
      ),
    },
    SummaryMetadata: message(
      ['plugin_data', 'PluginData', 1],
      ['display_name', 'string', 2],
      ['summary_description', 'string', 3],
    ),
    PluginData: message(['plugin_name', 'string', 1], ['content', 'bytes', 2]),
    Image: message(
      ['height', 'int32', 1],
      ['width', 'int32', 2],
      ['colorspace', 'int32', 3],
      ['encoded_image_string', 'bytes', 4],
    ),
    Audio: message(
      ['sample_rate', 'float', 1],
      ['num_channels', 'int64', 2],
      ['length_frames', 'int64', 3],
      ['encoded_audio_string', 'bytes', 4],
      ['content_type', 'string', 5],
    ),
    Histogram: message(
      ['min', 'double', 1],
      ['max', 'double', 2],
      ['num', 'double', 3],
      ['sum', 'double', 4],
      ['sum_squares', 'double', 5],
      ['bucket_limit', 'double', 6, 'repeated'],
      ['bucket', 'double', 7, 'repeated'],
    ),
    Tensor: message(
      ['dtype', 'int32', 1],
      ['tensor_shape', 'Shape', 2],
      ['float_val', 'float', 5, 'repeated'],
      ['string_val', 'bytes', 8, 'repeated'],
    ),
    Shape: message(['dim', 'Dim', 2, 'repeated']),
    Dim: message(['size', 'int64', 1]),

    Graph: message(['node', 'Node', 1, 'repeated'], ['versions', 'Versions', 4]),
    Versions: message(['producer', 'int32', 1]),
    Node: {
      fields: {
        ...message(
          ['name', 'string', 1],
          ['op', 'string', 2],
          ['input', 'string', 3, 'repeated'],
          ['device', 'string', 4],
        ).fields,
        attr: mapField('Attribute', 5) as never,
      },
    },
    Attribute: message(['list', 'AttributeList', 1], ['s', 'bytes', 2], ['shape', 'Shape', 7]),
    AttributeList: message(['shape', 'Shape', 7, 'repeated']),

    HParamsPluginData: message(
      ['version', 'int32', 1],
      ['experiment', 'Experiment', 2],
      ['session_start_info', 'SessionStartInfo', 3],
      ['session_end_info', 'SessionEndInfo', 4],
    ),
    Experiment: message(['hparam_infos', 'HParamInfo', 4, 'repeated'], ['metric_infos', 'MetricInfo', 5, 'repeated']),
    HParamInfo: message(['name', 'string', 1], ['type', 'int32', 4], ['domain_discrete', 'ValueList', 5]),
    MetricInfo: message(['name', 'MetricName', 1]),
    MetricName: message(['group', 'string', 1], ['tag', 'string', 2]),
    SessionStartInfo: {
      fields: { hparams: mapField('Value', 1) as never, ...message(['start_time_secs', 'double', 5]).fields },
    },
    SessionEndInfo: message(['status', 'int32', 1], ['end_time_secs', 'double', 2]),
    ValueList: message(['values', 'Value', 1, 'repeated']),
    // Zero, '' and false are values here: a oneof keeps them apart from what was not given.
    Value: {
      oneofs: { kind: { oneof: ['number_value', 'string_value', 'bool_value'] } },
      fields: message(['number_value', 'double', 2], ['string_value', 'string', 3], ['bool_value', 'bool', 4]).fields,
    },

    PrCurvePluginData: message(['version', 'int32', 1], ['num_thresholds', 'uint32', 2]),
  },
};

/** The messages by name. */
export type MessageName = 'Event' | 'Graph' | 'HParamsPluginData' | 'PrCurvePluginData';

let types: Readonly<Record<MessageName, Type>> | null = null;

/** Loaded with the first message: a program without TensorBoard files does not pay for the library. */
function typeOf(name: MessageName): Type {
  if (types === null) {
    const protobuf = createRequire(import.meta.url)('protobufjs/light.js') as typeof import('protobufjs');
    const root = protobuf.Root.fromJSON(schema);
    types = {
      Event: root.lookupType('Event'),
      Graph: root.lookupType('Graph'),
      HParamsPluginData: root.lookupType('HParamsPluginData'),
      PrCurvePluginData: root.lookupType('PrCurvePluginData'),
    };
  }
  return types[name];
}

/** The bytes of a message. */
export function encodeMessage(name: MessageName, content: object): Uint8Array {
  return typeOf(name).encode(content).finish();
}

/** The message in some bytes, as plain data. */
export function decodeMessage(name: MessageName, bytes: Uint8Array): Record<string, unknown> {
  const type = typeOf(name);
  return type.toObject(type.decode(bytes), { longs: Number });
}
