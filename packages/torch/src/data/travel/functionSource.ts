import { Script } from 'node:vm';

const toText = Function.prototype.toString;

/** How the text of a function is written, so that it can be evaluated elsewhere. */
export interface FunctionSource {
  text: string;
  kind: 'class' | 'function' | 'arrow' | 'method';
}

function parses(text: string): boolean {
  try {
    return new Script(text) instanceof Script;
  } catch {
    return false;
  }
}

/** Null for functions that have no text: those of the engine, and bound ones. */
export function textOf(fn: object): string | null {
  const text = toText.call(fn);
  return /\{\s*\[native code\]\s*\}\s*$/.test(text) ? null : text;
}

export function sourceOf(text: string): FunctionSource {
  if (/^class\b/.test(text)) return { text, kind: 'class' };
  // `import.meta` is no syntax of a script.
  const isExpression = parses(`(${text.replaceAll(/\bimport\.meta\b/g, 'importMeta')})`);
  if (!isExpression) return { text, kind: 'method' };
  return { text, kind: /^(async\s+)?function\b/.test(text) ? 'function' : 'arrow' };
}

/** Where the expression after `extends` is, if the class has one: [start, end) in its text. */
export function heritageIn(classText: string): [number, number] | null {
  const head = /^class(\s+[\p{ID_Start}$_][\p{ID_Continue}$]*)?\s+extends(?![\p{ID_Continue}$])/u.exec(classText);
  if (head === null) return null;
  let depth = 0;
  for (let at = head[0].length; at < classText.length; at++) {
    const char = classText[at]!;
    if (char === "'" || char === '"' || char === '`') at = endOfString(classText, at);
    else if (char === '(' || char === '[') depth += 1;
    else if (char === ')' || char === ']') depth -= 1;
    else if (char === '{' && depth === 0) return [head[0].length, at];
  }
  return null;
}

function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === text[start]) return at;
  }
  return text.length;
}

/** The expression that gives the function, with `$base` for what a class extends and `$importMeta` for `import.meta`. */
export function expressionOf({ text, kind }: FunctionSource): string {
  let expression = text;
  if (kind === 'class') {
    const heritage = heritageIn(text);
    // As wide as what it stands for where it can be, so that columns in stacks stay right.
    if (heritage !== null) {
      const [start, end] = heritage;
      expression = text.slice(0, start) + ' $base '.padEnd(end - start) + text.slice(end);
    }
  }
  expression = expression.replaceAll(/\bimport\.meta\b/g, '$importMeta');
  return kind === 'method' ? `$method({ ${expression} })` : `(${expression})`;
}

/** Whether the instances of a class have fields that nothing outside of the class can read. */
export const hasPrivateState = (classText: string): boolean =>
  /(^|[{;}\s])(?<!static\s+)#[\p{ID_Start}$_][\p{ID_Continue}$]*\s*[=;}\n]/u.test(classText);
