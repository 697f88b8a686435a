/** One image, as numbers in the order of detections' scores where there is one. */
export interface EvaluatedImage {
  /** Labels, scores and areas of the detections. */
  readonly labels: ArrayLike<number>;
  readonly scores: ArrayLike<number>;
  readonly areas: ArrayLike<number>;
  /** Labels, areas and crowd marks of what is there. */
  readonly truthLabels: ArrayLike<number>;
  readonly truthAreas: ArrayLike<number>;
  readonly crowds: ArrayLike<number>;
  /** Overlaps, a row for each detection. */
  readonly overlaps: ArrayLike<number>;
}

export interface EvaluationOptions {
  readonly iouThresholds: readonly number[];
  readonly recThresholds: readonly number[];
  /** Rising. */
  readonly maxDetections: readonly number[];
}

/** Square pixels that each group of objects has: all, small, medium, large. */
const areaRanges: readonly (readonly [least: number, most: number])[] = [
  [0, 1e10],
  [0, 32 ** 2],
  [32 ** 2, 96 ** 2],
  [96 ** 2, 1e10],
];
export const areaNames = ['all', 'small', 'medium', 'large'] as const;

/** Of one class, group of sizes and limit of detections: by IoU threshold, or null where nothing is to be found. */
export interface ClassResult {
  /** Precision at each recall threshold. */
  readonly precision: readonly Float64Array[];
  readonly recall: readonly number[];
}

/** Results by [class][area][limit]. */
export type Evaluation = readonly (readonly (readonly (ClassResult | null)[])[])[];

/** Detections of one class in one image, matched: `matched` and `ignored` by IoU threshold. */
interface ImageMatch {
  readonly scores: number[];
  readonly matched: readonly Uint8Array[];
  readonly ignored: readonly Uint8Array[];
  /** How many objects there are to find. */
  readonly objects: number;
}

/** The rules of the COCO challenge: detections by falling score take the best object that is left. */
export function evaluate(
  images: readonly EvaluatedImage[],
  classes: readonly number[],
  options: EvaluationOptions,
): Evaluation {
  return classes.map((label) => {
    const parts = images.map((image) => partOf(image, label, options.maxDetections.at(-1)!));
    return areaRanges.map((range) => {
      const matches = parts.flatMap((part) => (part === null ? [] : [matchImage(part, range, options.iouThresholds)]));
      return options.maxDetections.map((limit) => accumulate(matches, limit, options));
    });
  });
}

/** What of an image belongs to one class: places of its detections by falling score, and of its objects. */
interface ImagePart {
  readonly image: EvaluatedImage;
  readonly found: readonly number[];
  readonly truth: readonly number[];
}

function partOf(image: EvaluatedImage, label: number, most: number): ImagePart | null {
  const placesOf = (labels: ArrayLike<number>): number[] => {
    const places: number[] = [];
    for (let i = 0; i < labels.length; i += 1) if (labels[i] === label) places.push(i);
    return places;
  };
  const truth = placesOf(image.truthLabels);
  const found = placesOf(image.labels)
    .sort((a, b) => image.scores[b]! - image.scores[a]!)
    .slice(0, most);
  return truth.length === 0 && found.length === 0 ? null : { image, found, truth };
}

function matchImage(
  { image, found, truth }: ImagePart,
  [least, most]: readonly [number, number],
  thresholds: readonly number[],
): ImageMatch {
  const isOutside = (area: number): boolean => area < least || area > most;
  const isIgnored = (place: number): boolean => image.crowds[place] !== 0 || isOutside(image.truthAreas[place]!);
  const counted = truth.filter((place) => !isIgnored(place));
  // Objects that do not count are matched only by what found no other.
  const objects = [...counted, ...truth.filter(isIgnored)];
  const width = image.truthLabels.length;
  const matched = thresholds.map(() => new Uint8Array(found.length));
  const ignored = thresholds.map(() => new Uint8Array(found.length));
  for (const [t, threshold] of thresholds.entries()) {
    const isTaken = new Uint8Array(objects.length);
    for (const [d, place] of found.entries()) {
      let best = Math.min(threshold, 1 - 1e-10);
      let match = -1;
      for (const [o, object] of objects.entries()) {
        if (isTaken[o] === 1 && image.crowds[object] === 0) continue;
        if (match >= 0 && match < counted.length && o >= counted.length) break;
        const overlap = image.overlaps[place * width + object]!;
        if (!(overlap >= best)) continue;
        best = overlap;
        match = o;
      }
      if (match >= 0) {
        isTaken[match] = 1;
        matched[t]![d] = 1;
        ignored[t]![d] = match >= counted.length ? 1 : 0;
      } else if (isOutside(image.areas[place]!)) ignored[t]![d] = 1;
    }
  }
  return { scores: found.map((place) => image.scores[place]!), matched, ignored, objects: counted.length };
}

/** Keeps a division by zero away. */
const tiny = 2 ** -52;

function accumulate(matches: readonly ImageMatch[], limit: number, options: EvaluationOptions): ClassResult | null {
  const objects = matches.reduce((sum, match) => sum + match.objects, 0);
  if (objects === 0) return null;
  const order = matches
    .flatMap((match, image) => match.scores.slice(0, limit).map((score, place) => ({ score, image, place })))
    .sort((a, b) => b.score - a.score);
  const precision: Float64Array[] = [];
  const recall: number[] = [];
  for (const t of options.iouThresholds.keys()) {
    const precisions: number[] = [];
    const recalls: number[] = [];
    let right = 0;
    let wrong = 0;
    for (const { image, place } of order) {
      const match = matches[image]!;
      if (match.ignored[t]![place] === 0) {
        if (match.matched[t]![place] === 1) right += 1;
        else wrong += 1;
      }
      precisions.push(right / (right + wrong + tiny));
      recalls.push(right / objects);
    }
    recall.push(recalls.at(-1) ?? 0);
    precision.push(interpolate(precisions, recalls, options.recThresholds));
  }
  return { precision, recall };
}

/** At each recall threshold the best precision of any recall from there on; 0 beyond the last. */
function interpolate(precisions: number[], recalls: readonly number[], thresholds: readonly number[]): Float64Array {
  for (let i = precisions.length - 1; i > 0; i -= 1)
    if (precisions[i]! > precisions[i - 1]!) precisions[i - 1] = precisions[i]!;
  const values = new Float64Array(thresholds.length);
  for (const [r, threshold] of thresholds.entries()) {
    let low = 0;
    let high = recalls.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (recalls[middle]! < threshold) low = middle + 1;
      else high = middle;
    }
    if (low < precisions.length) values[r] = precisions[low]!;
  }
  return values;
}

/** Which results a summary takes. */
export interface SummaryChoice {
  readonly area: (typeof areaNames)[number];
  /** The place of the limit of detections. */
  readonly limit: number;
  /** The place of the IoU threshold; default all. */
  readonly threshold?: number;
}

/** The mean precision over all classes with objects, recall thresholds and IoU thresholds; -1 where there is none. */
export function meanPrecision(evaluation: Evaluation, choice: SummaryChoice): number {
  return meanOf(
    chosen(evaluation, choice).flatMap(({ precision }) => pick(precision, choice).flatMap((row) => [...row])),
  );
}

/** The mean of the highest recall over all classes with objects and IoU thresholds; -1 where there is none. */
export function meanRecall(evaluation: Evaluation, choice: SummaryChoice): number {
  return meanOf(chosen(evaluation, choice).flatMap(({ recall }) => pick(recall, choice)));
}

const chosen = (evaluation: Evaluation, { area, limit }: SummaryChoice): ClassResult[] =>
  evaluation.flatMap((byArea) => byArea[areaNames.indexOf(area)]![limit] ?? []);

const pick = <Item>(rows: readonly Item[], { threshold }: SummaryChoice): readonly Item[] =>
  threshold === undefined ? rows : rows.slice(threshold, threshold + 1);

const meanOf = (values: readonly number[]): number =>
  values.length === 0 ? -1 : values.reduce((sum, value) => sum + value, 0) / values.length;
