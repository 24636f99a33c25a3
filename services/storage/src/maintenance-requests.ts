import { isCkptError } from '@ckptree/errors';
import type { Handler, storage } from '@ckptree/protocol';
import type { FolderBackend, GcReport, StoreReport } from '@ckptree/store';
import type { JobReply, JobTable } from './job-table.js';
import type { Maintenance } from './maintenance.js';

type HandlerOf<Verb extends keyof typeof storage> = Handler<(typeof storage)[Verb]['definition']>;

/** Findings and checkpoints that a report names; more would not fit a message. */
const REPORT_LIMIT = 200;
const TEXT_LIMIT = 1_000;

export interface MaintenanceObserver {
  collected(report: GcReport | undefined): void;
  verified(report: StoreReport): void;
}

export interface MaintenanceRequests {
  readonly gc: HandlerOf<'gc'>;
  readonly verify: HandlerOf<'verify'>;
  readonly forget: HandlerOf<'forget'>;
}

export function maintenanceRequests(
  instance: string,
  folder: FolderBackend,
  maintenance: Maintenance,
  jobs: JobTable,
  observer: MaintenanceObserver,
): MaintenanceRequests {
  return {
    gc: async ({ dryRun, waitMs }) => {
      const job = jobs.begin(dryRun === true ? 'dry gc' : 'gc', async () => {
        const options = { ...(dryRun !== undefined && { dryRun }), ...(waitMs !== undefined && { waitMs }) };
        try {
          const report = await maintenance.gc(options);
          observer.collected(report);
          return { gc: gcSummary(report) };
        } catch (error) {
          observer.collected(undefined);
          throw error;
        }
      });
      return { instance, job };
    },

    verify: async ({ readData, sample }) => {
      const kind = `verify ${readData === true} ${sample ?? 1}`;
      const job = jobs.begin(kind, async () => {
        const report = await maintenance.verify({
          ...(readData !== undefined && { readData }),
          ...(sample !== undefined && { sample }),
        });
        observer.verified(report);
        return { verify: verifySummary(report) };
      });
      return { instance, job };
    },

    forget: async ({ checkpoints }) => {
      const forgotten: string[] = [];
      for (const id of checkpoints) if (await forget(folder, `manifests/${id}`)) forgotten.push(id);
      return { forgotten };
    },
  };
}

/** @returns whether it was there; if not, that it has gone is durable now */
async function forget(folder: FolderBackend, name: string): Promise<boolean> {
  const wasThere = await isThere(folder, name);
  await folder.delete(name);
  return wasThere;
}

async function isThere(folder: FolderBackend, name: string): Promise<boolean> {
  try {
    await folder.read(name, 0, 0);
    return true;
  } catch (error) {
    if (isCkptError(error) && error.code === 'ENOENT') return false;
    throw error;
  }
}

const gcSummary = (report: GcReport): NonNullable<JobReply['gc']> => ({
  deletedPacks: report.deletedPacks.length,
  freedBytes: report.freedBytes,
  rewrittenBytes: report.rewrittenBytes,
  waitingPacks: report.waitingPacks.length,
  waitingFor: report.waitingFor.length,
});

const verifySummary = (report: StoreReport): NonNullable<JobReply['verify']> => ({
  ok: report.ok,
  checkpoints: report.checkpoints,
  packs: report.packs,
  chunks: report.chunks,
  chunksRead: report.chunksRead,
  findings: report.findings.slice(0, REPORT_LIMIT).map(({ object, message }) => ({
    object: object.slice(0, TEXT_LIMIT),
    message: message.slice(0, TEXT_LIMIT),
  })),
  damaged: report.damaged.slice(0, REPORT_LIMIT).map(({ id, lost, lostSegments, error }) => ({
    checkpoint: id,
    lostRanges: lost.length,
    lostSegments: lostSegments.length,
    ...(error !== undefined && { error: error.slice(0, TEXT_LIMIT) }),
  })),
});
