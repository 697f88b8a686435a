import { corrupt } from './idxFile.js';

/** An XML element without attributes as plain data: its text, or its children by tag; tags that repeat give lists. */
export type XmlTree = string | { [tag: string]: XmlTree | XmlTree[] };

const entities: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/**
 * Reads the simple XML of annotation files: elements and text, no attributes.
 *
 * @param lists tags whose values are lists even where they stand once.
 */
export function readXml(path: string, text: string, lists: readonly string[] = []): { tag: string; tree: XmlTree } {
  const tokens = text
    .replace(/<\?[\s\S]*?\?>|<!--[\s\S]*?-->/g, '')
    .matchAll(/<(\/?)([^\s<>/]+)[^<>]*?(\/?)>|([^<]+)/g);
  const open: { tag: string; text: string; children: [string, XmlTree][] }[] = [{ tag: '', text: '', children: [] }];
  for (const [, slash, tag, selfClosing, content] of tokens) {
    const top = open.at(-1)!;
    if (content !== undefined) top.text += content;
    else if (slash === '') {
      open.push({ tag: tag!, text: '', children: [] });
    } else if (top.tag !== tag) throw corrupt(path, `</${tag}> closes <${top.tag}>`);
    if (content === undefined && (slash !== '' || selfClosing !== '')) {
      const closed = open.pop()!;
      open.at(-1)!.children.push([closed.tag, treeOf(closed, lists)]);
    }
  }
  const root = open[0]!.children[0];
  if (open.length !== 1 || root === undefined) throw corrupt(path, 'its XML is cut');
  return { tag: root[0], tree: root[1] };
}

function treeOf(element: { text: string; children: [string, XmlTree][] }, lists: readonly string[]): XmlTree {
  if (element.children.length === 0) {
    return element.text.trim().replace(/&(\w+);/g, (whole, name: string) => entities[name] ?? whole);
  }
  const byTag: { [tag: string]: XmlTree[] } = {};
  for (const [tag, tree] of element.children) {
    byTag[tag] ??= [];
    byTag[tag].push(tree);
  }
  return Object.fromEntries(
    Object.entries(byTag).map(([tag, trees]) => [tag, trees.length === 1 && !lists.includes(tag) ? trees[0]! : trees]),
  );
}
