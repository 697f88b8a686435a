import { operatorNames } from './generated/operatorNames.js';

let numbers: Map<string, number> | null = null;

/** The number of an operator, for the hand-written parts: `operatorId('aten::to')`. */
export function operatorId(name: string): number {
  numbers ??= new Map(operatorNames.split('\n').map((entry, i) => [entry, i]));
  const id = numbers.get(name);
  if (id === undefined) throw new Error(`${name} is not in the generated list of operators`);
  return id;
}
