/** What became of each node, and where each node comes from: read off the steps. */
import type { RawNode, Report, Step } from "./data.ts";

/** kept: as it was; changed: reads, writes or says something else; fused: others stand for it; gone: nothing does; new. */
export type Fate = "kept" | "changed" | "fused" | "gone" | "new";
export const FATES: readonly Fate[] = ["kept", "changed", "fused", "gone", "new"];

export class Fates {
  readonly steps: readonly Step[];
  private readonly removedBy = new Map<number, number>();
  private readonly madeBy = new Map<number, number>();
  private readonly touchedBy = new Map<number, number[]>();
  private readonly before: ReadonlySet<number>;
  private readonly after: ReadonlySet<number>;
  private readonly lives = new Set<number>(); // nodes of any time that something in the result stands for
  readonly passing = new Map<number, RawNode>();

  constructor(history: NonNullable<Report["history"]>) {
    this.steps = history.rewrites;
    this.before = new Set(history.before.nodes.map((n) => n.id));
    this.after = new Set(history.after.nodes.map((n) => n.id));
    for (const node of history.passing) this.passing.set(node.id, node);
    this.steps.forEach((step, i) => {
      for (const id of step.removed ?? []) this.removedBy.set(id, i);
      for (const id of step.made ?? []) this.madeBy.set(id, i);
      for (const list of [step.removed, step.made, step.changed])
        for (const id of list ?? []) {
          const touched = this.touchedBy.get(id);
          if (touched) touched.push(i);
          else this.touchedBy.set(id, [i]);
        }
    });
    for (const id of this.after) this.lives.add(id);
    // Backwards: what a rewrite made is removed by later ones only.
    for (const step of [...this.steps].reverse())
      if (step.node && step.made?.some((id) => this.lives.has(id))) for (const id of step.removed ?? []) this.lives.add(id);
  }

  /** Numbers of the steps that touched a node. */
  touched(id: number): readonly number[] {
    return this.touchedBy.get(id) ?? [];
  }

  /** The step that took it away or made it. */
  removal(id: number): number | undefined {
    return this.removedBy.get(id);
  }
  making(id: number): number | undefined {
    return this.madeBy.get(id);
  }

  ofBefore(id: number): Fate {
    if (this.after.has(id)) return this.touched(id).length ? "changed" : "kept";
    return this.lives.has(id) ? "fused" : "gone";
  }

  ofAfter(id: number): Fate {
    if (!this.before.has(id)) return "new";
    return this.touched(id).length ? "changed" : "kept";
  }

  /** From a node along the rewrites to the nodes of a graph. Not by recursion: there may be thousands of them. */
  private follow(id: number, ends: ReadonlySet<number>, next: (id: number) => readonly number[] | undefined): readonly number[] {
    const seen = new Set([id]);
    const found: number[] = [];
    for (const at of seen) {
      if (ends.has(at)) found.push(at);
      else for (const to of next(at) ?? []) seen.add(to);
    }
    return found;
  }

  /** The step, if it is a rewrite: what a phase made as a whole stands for nothing in particular. */
  private rewrite(step: number | undefined): Step | undefined {
    const found = this.steps[step ?? -1];
    return found?.node ? found : undefined;
  }

  /** Nodes of the optimized graph that stand for a node of any time: itself, or what was made in its place. */
  became(id: number): readonly number[] {
    return this.follow(id, this.after, (at) => this.rewrite(this.removedBy.get(at))?.made);
  }

  /** Nodes of the original graph that a node stands for. */
  origins(id: number): readonly number[] {
    return this.follow(id, this.before, (at) => this.rewrite(this.madeBy.get(at))?.removed);
  }

  /** Nodes to look at in the other graph: what it became or comes from, else what its removal changed. */
  counterparts(id: number, side: "before" | "after"): readonly number[] {
    const direct = side === "before" ? this.became(id) : this.origins(id);
    if (direct.length || side === "after") return direct;
    const step = this.steps[this.removedBy.get(id) ?? -1];
    return [...new Set((step?.changed ?? []).flatMap((changed) => this.became(changed)))];
  }
}
