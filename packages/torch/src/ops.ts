import { invokeN, named } from './dispatch.js';
import { type Operators, operatorTable } from './generated/operators.js';

type Operator = (...args: unknown[]) => unknown;

function namespaceOf(entries: (typeof operatorTable)[string]): Record<string, Operator> {
  const namespace: Record<string, Operator> = Object.create(null);
  for (const [name, id, results] of entries)
    namespace[name] = results ? (...args) => named(invokeN(id, args), results) : (...args) => invokeN(id, args);
  return namespace;
}

/**
 * Every operator of the engine that JavaScript can call, private ones and `out` forms included:
 * `ops.aten.logSoftmax(x, -1)`, `ops.aten.add(x, y, { out: z })`. docs/reference/operators.md lists the rest.
 */
export const ops = Object.fromEntries(
  Object.entries(operatorTable).map(([namespace, entries]) => [namespace, namespaceOf(entries)]),
) as unknown as Operators;
