import { expect, test } from '@jest/globals';
import { readRecipe } from '../dist/image/read-recipe.js';
import { chunksOf } from './support/chunks.js';
import { MemoryBackend } from './support/memory-backend.js';

test('a recipe that one chunk makes up again and again is refused before it fills the memory', async () => {
  const { writer, chunks } = await chunksOf(new MemoryBackend());
  const id = await writer.put(new Uint8Array(2 ** 20).fill(1));
  await writer.flush();
  const segment = { position: 0, size: 1, recipe: Array<string>(10_000).fill(id) };
  await expect(readRecipe(chunks, segment)).rejects.toMatchObject({
    code: 'EBADMSG',
    message: expect.stringContaining('more than'),
  });
});
