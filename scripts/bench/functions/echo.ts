export const spec = { idempotent: true };

export default function echo(text: string): string {
  return text;
}
