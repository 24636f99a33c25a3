import { CkptError } from '@ckptree/errors';
import type { ObjectBackend, ObjectInfo } from '@ckptree/store';

/** Objects in memory: for tests that change and read thousands of times. */
export class MemoryBackend implements ObjectBackend {
  readonly location = 'memory';
  readonly objects = new Map<string, Uint8Array>();

  async put(name: string, content: readonly Uint8Array[]): Promise<boolean> {
    checkName(name);
    if (this.objects.has(name)) return false;
    this.objects.set(name, Buffer.concat(content));
    return true;
  }

  async read(name: string, position: number, length: number): Promise<Uint8Array> {
    checkName(name);
    const content = this.objects.get(name);
    if (content === undefined) throw new CkptError('ENOENT', `there is no ${name}`, { path: name });
    return Buffer.from(content.subarray(position, position + length));
  }

  async list(kind: string): Promise<ObjectInfo[]> {
    return [...this.objects]
      .filter(([name]) => name.startsWith(`${kind}/`))
      .map(([name, { length }]) => ({ name, size: length }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async delete(name: string): Promise<void> {
    checkName(name);
    this.objects.delete(name);
  }
}

function checkName(name: string): void {
  if (!/^(?:[a-z]+\/)?[a-z0-9][a-z0-9._-]*$/.test(name))
    throw new CkptError('EINVAL', `${name} is no object name`);
}
