/** Plain tables: for a terminal, and for Markdown. */

/** A column's title and how its cells are set. */
export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
}

type Row = readonly string[];

/** Columns of equal width, two blanks apart. */
export function plainTable(columns: readonly Column[], rows: readonly Row[]): string {
  const titles = columns.map(({ title }) => title);
  const widths = titles.map((title, at) =>
    Math.max(title.length, ...rows.map((row) => (row[at] ?? '').length)),
  );
  const line = (row: Row): string =>
    columns
      .map(({ align }, at) =>
        align === 'left' ? (row[at] ?? '').padEnd(widths[at]!) : (row[at] ?? '').padStart(widths[at]!),
      )
      .join('  ')
      .trimEnd();
  return [titles, ...rows].map(line).join('\n');
}

/** The same for a Markdown file. */
export function markdownTable(columns: readonly Column[], rows: readonly Row[]): string {
  const line = (cells: Row): string => `| ${cells.join(' | ')} |`;
  const rule = columns.map(({ align }) => (align === 'left' ? '---' : '---:'));
  return [columns.map(({ title }) => title), rule, ...rows].map(line).join('\n');
}

/** A number with as many digits as say something: 1,234 · 56.7 · 0.0012. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (Math.abs(value) >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString('en-US');
  return value.toLocaleString('en-US', { maximumSignificantDigits: 3 });
}
