/** A label that wants to stand at a height, and needs some of it. */
export interface Wanted {
  readonly at: number;
  readonly height: number;
}

/**
 * Centres for labels in a column so that none covers another and all stay within it, each as near to where it wants to
 * be as its neighbours let it: groups that collide are merged and centred on the mean of their wishes.
 * @returns one centre for each, in the order given; if they need more than there is, they overrun the column's end
 */
export function spread(labels: readonly Wanted[], top: number, bottom: number): number[] {
  const order = labels.map((_, index) => index).sort((a, b) => labels[a]!.at - labels[b]!.at);
  let groups = order.map((index) => group([index], labels, top, bottom));
  for (let merged = true; merged; ) {
    merged = false;
    const next: Group[] = [];
    for (const current of groups) {
      const last = next.at(-1);
      if (last !== undefined && last.start + last.height > current.start + 1e-9) {
        next[next.length - 1] = group([...last.members, ...current.members], labels, top, bottom);
        merged = true;
      } else next.push(current);
    }
    groups = next;
  }
  const centres = new Array<number>(labels.length).fill(top);
  for (const { start, members } of groups) {
    let edge = start;
    for (const index of members) {
      centres[index] = edge + labels[index]!.height / 2;
      edge += labels[index]!.height;
    }
  }
  return centres;
}

interface Group {
  readonly members: readonly number[];
  readonly start: number;
  readonly height: number;
}

function group(members: readonly number[], labels: readonly Wanted[], top: number, bottom: number): Group {
  const height = members.reduce((sum, index) => sum + labels[index]!.height, 0);
  const middle = members.reduce((sum, index) => sum + labels[index]!.at, 0) / members.length;
  const start = Math.max(top, Math.min(bottom - height, middle - height / 2));
  return { members, height, start };
}

/** Mean advance of a letter over its size, of the widest fonts that a reader is likely to have (DejaVu, Verdana). */
const ADVANCE = { normal: 0.58, bold: 0.65 } as const;

export type Weight = keyof typeof ADVANCE;

export const textWidth = (text: string, size: number, weight: Weight = 'normal'): number =>
  text.length * size * ADVANCE[weight];

/** Lines of at most `width` pixels, broken at spaces, and within words that are longer than a line. */
export function wrap(text: string, size: number, width: number, weight: Weight = 'normal'): string[] {
  const lines: string[] = [];
  const letters = Math.max(1, Math.floor(width / textWidth('x', size, weight)));
  for (const word of text.match(new RegExp(`\\S{1,${letters}}`, 'gu')) ?? []) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= letters)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
