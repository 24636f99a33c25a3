import type { MemoryVersions } from '@ckptree/model';
import { type Baseline, baselinesOf } from '../image/baseline.js';
import type { Recipe } from '../image/recipe.js';
import { type ParentPages, parentPages } from './page-reference.js';

/** The checkpoint that the one which is being put is likely to be much like. */
export class ParentImage {
  readonly #recipes: readonly Recipe[];
  #pages: ParentPages | undefined;
  #baselines: ReadonlyMap<string, Baseline> | undefined;

  constructor(recipes: readonly Recipe[]) {
    this.#recipes = recipes;
  }

  /** For pages of which it is not known whether they changed. Made when it is first needed: mostly that is never. */
  get pages(): ParentPages {
    this.#pages ??= parentPages(this.#recipes);
    return this.#pages;
  }

  /** The memory that one with this history came about from, if it is here. The first that fits. */
  baseline(history: readonly MemoryVersions[]): Baseline | undefined {
    this.#baselines ??= baselinesOf(this.#recipes);
    for (const { incarnation, first, last } of history) {
      const baseline = this.#baselines.get(incarnation);
      if (baseline !== undefined && baseline.epoch >= first && baseline.epoch <= last) return baseline;
    }
    return undefined;
  }
}

export const noParent = new ParentImage([]);
