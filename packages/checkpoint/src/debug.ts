import { CkptError } from '@ckptree/errors';

/** What debug output can be about: the seed's CKPT_DMEM, CKPT_DPAGE, CKPT_DOBJ, CKPT_DFILE and CKPT_DRW. */
export const DEBUG_AREAS = ['mm', 'page', 'obj', 'file', 'rw'] as const;
export type DebugArea = (typeof DEBUG_AREAS)[number];

/**
 * One function for each area that is on. Called as `` debug.page?.(`got page ${address}`) ``: where an area is off
 * the text is not even put together.
 */
export type Debug = { readonly [Area in DebugArea]?: (text: string) => void };

/**
 * @param names areas, separated by commas; `all` stands for every one
 * @param write takes one line of output, without its end
 * @throws EINVAL a name is no area
 */
export function debugAreas(names: string, write: (area: DebugArea, text: string) => void): Debug {
  const wanted = names
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const unknown = wanted.find((name) => name !== 'all' && !isArea(name));
  if (unknown !== undefined)
    throw new CkptError(
      'EINVAL',
      `there is no debug area '${unknown}'; areas are ${DEBUG_AREAS.join(', ')}, all`,
    );
  const on = DEBUG_AREAS.filter((area) => wanted.includes(area) || wanted.includes('all'));
  return Object.fromEntries(on.map((area) => [area, (text: string) => write(area, text)]));
}

const isArea = (name: string): name is DebugArea => (DEBUG_AREAS as readonly string[]).includes(name);
