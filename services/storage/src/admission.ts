import { CkptError } from '@ckptree/errors';
import {
  type AdmissionConfig,
  admitContent,
  admitDeletion,
  admitName,
  type DraftContent,
  type ObjectBackend,
} from '@ckptree/store';

/** What may come in, and go. */
export interface Admission {
  /** Before any of its bytes is taken. @throws EPERM, E2BIG */
  name(name: string, size: number): void;
  /** Whether it may be created for a writer who names no lease. @throws EPERM */
  lease(name: string, lease: string | undefined): void;
  /** Before it gets its name. @throws EIO, EBADMSG, ENOEXEC */
  content(name: string, content: DraftContent): Promise<void>;
  /** @throws EPERM */
  deletion(name: string): Promise<void>;
}

/** That of a store: packs are packs, manifests are manifests and appear under a lease, the config stays. */
export const storeAdmission = (backend: ObjectBackend, config: AdmissionConfig): Admission => ({
  name: admitName,
  lease(name, lease) {
    if (lease === undefined && name.startsWith('manifests/'))
      throw new CkptError('EPERM', `${name} is stored for whoever holds a lease, and none is named`, {
        field: '/lease',
      });
  },
  content: (name, content) => admitContent(name, content, config),
  deletion: (name) => admitDeletion(backend, name),
});
