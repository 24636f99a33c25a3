import { ClaimCheckBackend, collectGarbage, ensureVolumeMark, NatsBackend } from '@ckptree/carrier';
import { CkptError } from '@ckptree/errors';
import { type Connection, serve, storage, storageAt } from '@ckptree/protocol';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Cluster } from './support/cluster.js';

let cluster: Cluster;
let connection: Connection;
beforeAll(async () => {
  cluster = await Cluster.start();
  connection = await cluster.connect();
});
afterAll(() => cluster.end());

/** Answers all questions but one, which it leaves open until it is told to. */
function losing(lost: number) {
  let answer: () => void = () => undefined;
  let asked = 0;
  return {
    get asked() {
      return asked;
    },
    answer: () => answer(),
    heard: async (): Promise<void> => {
      if (++asked === lost) await new Promise<void>((resolve) => (answer = resolve));
    },
  };
}

const instance = 'storage-1';

test('a volume is opened, whichever answer is lost', async () => {
  const path = await cluster.folder();
  const volume = { path, mark: await ensureVolumeMark(path) };
  const answers = losing(2);
  const served = serve(connection, storage.info, async () => {
    await answers.heard();
    return { instance, store: path, storeId: '0'.repeat(32), pieceBytes: 1_024, volume };
  });
  await expect(ClaimCheckBackend.open(connection, path)).resolves.toMatchObject({ location: path });
  // The third is the one that was lost, asked again; a slow answer counts as lost, too.
  expect(answers.asked).toBeGreaterThanOrEqual(3);
  answers.answer();
  await served.stop();
});

test('a job of which one answer is lost is not begun anew', async () => {
  const job = '0123456789abcdef';
  let begun = 0;
  const gc = { deletedPacks: 1, freedBytes: 2, rewrittenBytes: 3, waitingPacks: 4, waitingFor: 5 };
  const answers = losing(2);
  const begins = serve(connection, storage.gc, async () => {
    begun++;
    return { instance, job };
  });
  const tells = serve(connection, storageAt(instance).job, async () => {
    await answers.heard();
    return answers.asked < 3 ? { done: false } : { done: true, gc };
  });
  await expect(collectGarbage(connection)).resolves.toEqual(gc);
  expect(begun).toBe(1);
  expect(answers.asked).toBeGreaterThanOrEqual(3);
  answers.answer();
  await Promise.all([begins.stop(), tells.stop()]);
});

test('a job that ran for longer than anybody is patient is begun anew when its service dies', async () => {
  const job = '0123456789abcdef';
  const gc = { deletedPacks: 1, freedBytes: 2, rewrittenBytes: 3, waitingPacks: 4, waitingFor: 5 };
  const patienceMs = 2_000;
  const started = performance.now();
  const services = ['storage-1', 'storage-2'];
  const begins = serve(connection, storage.gc, async () => ({ instance: services.shift() ?? 'none', job }));
  const dies = serve(connection, storageAt('storage-1').job, async () => {
    // The request on which it dies goes to nobody.
    if (performance.now() - started > 2 * patienceMs) void dies.stop();
    return { done: false };
  });
  const ends = serve(connection, storageAt('storage-2').job, async () => ({ done: true, gc }));
  await expect(collectGarbage(connection, { patienceMs })).resolves.toEqual(gc);
  await Promise.all([begins.stop(), ends.stop()]);
});

test('a service that had no room for long is asked again as soon as ever when an answer of it is lost', async () => {
  const upload = '0123456789abcdef';
  const pieceBytes = 1_024;
  const busy = 10;
  let asked = 0;
  const answers = losing(busy + 1);
  const served = [
    serve(connection, storage.info, async () => ({
      instance,
      store: 's',
      storeId: '0'.repeat(32),
      pieceBytes,
    })),
    serve(connection, storage.begin, async () => ({ instance, upload, pieceBytes, credits: 1 })),
    serve(connection, storageAt(instance).piece, async () => {
      await answers.heard();
      if (++asked <= busy) throw new CkptError('EBUSY', 'no room');
      return { credits: 1 };
    }),
    serve(connection, storageAt(instance).finish, async () => ({ created: true })),
  ];
  // Had the times without room made it wait for longer, it would wait for half an hour here.
  const backend = await NatsBackend.open(connection);
  await expect(backend.put('packs/0f3a9c2e51b7d8460f3a9c2e51b7d846', [new Uint8Array(1_500)])).resolves.toBe(
    true,
  );
  answers.answer();
  await Promise.all(served.map((one) => one.stop()));
});
