import { putFile, putFileDesc, putFileTable } from '@ckptree/image';
import type { FileTable, OpenFile } from '@ckptree/model';
import type { CheckpointContext } from './checkpoint-context.js';

/** An open file, defined where it is first reached. @returns its objref */
export function checkpointFile(context: CheckpointContext, file: OpenFile): number {
  return context.checkpointObject('FILE', file, (objref) => {
    context.debug.file?.(`file ${objref} ${file.path} pos ${file.pos}`);
    putFile(context.plan, file, objref);
  });
}

/** A descriptor table, defined where it is first reached: its descriptors, each behind its file. @returns its objref */
export function checkpointFileTable(context: CheckpointContext, table: FileTable): number {
  return context.checkpointObject('FILE_TABLE', table, (objref) => {
    context.debug.file?.(`file table ${objref} of ${table.descriptors.length} descriptors`);
    putFileTable(context.plan, table, objref);
    for (const descriptor of table.descriptors) {
      const fileObjref = checkpointFile(context, descriptor.file);
      putFileDesc(context.plan, descriptor, fileObjref);
    }
  });
}
