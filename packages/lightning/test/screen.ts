/** A terminal that understands the escape sequences we write, so that tests compare what a person would see. */
export class Screen {
  readonly isTTY = true;
  writes = 0;
  private lines: string[] = [''];
  private row = 0;
  private column = 0;

  constructor(readonly columns: number) {}

  write(text: string): boolean {
    this.writes += 1;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the region writes escape sequences
    for (const [token] of text.matchAll(/\u001b\[[\d;?]*[A-Za-z]|\r|\n|[^\u001b\r\n]+/g)) this.put(token);
    return true;
  }

  get text(): string {
    return this.lines.map((line) => line.trimEnd()).join('\n');
  }

  private put(token: string): void {
    const line = this.lines[this.row]!;
    if (token === '\r') this.column = 0;
    else if (token === '\n') {
      this.row += 1;
      this.column = 0;
      this.lines[this.row] ??= '';
    } else if (token.endsWith('A') && token.startsWith('\u001b')) this.row -= Number(token.slice(2, -1) || 1);
    else if (token === '\u001b[K') this.lines[this.row] = line.slice(0, this.column);
    else if (token === '\u001b[J') {
      this.lines[this.row] = line.slice(0, this.column);
      this.lines.length = this.row + 1;
    } else if (!token.startsWith('\u001b')) {
      this.lines[this.row] =
        line.slice(0, this.column).padEnd(this.column) + token + line.slice(this.column + token.length);
      this.column += token.length;
    }
  }
}
