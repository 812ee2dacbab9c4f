/** Which networks decode which files: `manifest.json`, which `tools/make_web_models.py` writes beside the graphs. */

import { ModelError } from "../errors.js";

/** How files of one model id are decoded. */
export interface Model {
  /** Of the package that it belongs to. */
  readonly name: string;
  readonly scale: number;
  /** Architecture: how its graphs are run, see `networks.ts`. */
  readonly way: string;
  /** Side of a timestep tile in HR pixels. */
  readonly tile: number;
  /** HR pixels around a piece that can influence it. */
  readonly halo: number;
  readonly largestTimestep: number;
  /** What the model recommends. */
  readonly realism: number;
  /** Whether realism above 0 draws texture. */
  readonly generates: boolean;
  /** LR pixels a side of a cell of the input `quality` (compact-2). */
  readonly qualityFold?: number;
  /** Latent rows that the graph `head` takes at once, and those beside them that it sees (compact-1). */
  readonly strips?: { readonly rows: number; readonly reach: number };
  /** File names of the graphs by role. */
  readonly graphs: Readonly<Record<string, string>>;
}

export interface Manifest {
  readonly form: number;
  readonly models: Readonly<Record<string, Model>>;
  readonly files: Readonly<Record<string, { readonly bytes: number; readonly sha256: string }>>;
}

/** The form of the manifest that is understood. */
const FORM = 1;
/** Where graphs that have been fetched once are kept, where the browser has such a place. */
const CACHE = "tadm-models-1";

/** The models of one folder of a server. */
export class Models {
  private constructor(
    private readonly folder: string,
    readonly manifest: Manifest,
  ) {}

  /**
   * Fetch the manifest of a folder.
   *
   * @throws ModelError there is none, or it is of another form.
   */
  static async at(folder: string): Promise<Models> {
    const address = new URL("manifest.json", folder).href;
    let manifest: Manifest;
    try {
      const response = await fetch(address);
      if (!response.ok) throw new Error(`the server answers ${response.status}`);
      manifest = (await response.json()) as Manifest;
    } catch (error) {
      throw new ModelError(`${address}: cannot be fetched (${(error as Error).message})`);
    }
    if (manifest.form !== FORM) {
      throw new ModelError(`${address}: has form ${manifest.form}, this reader knows ${FORM}`);
    }
    return new Models(folder, manifest);
  }

  /**
   * The model of an id; with `any` another one of the same scale where it is not here.
   *
   * @throws ModelError it is not here.
   */
  find(id: string, scale: number, any: boolean): { readonly id: string; readonly model: Model } {
    const own = this.manifest.models[id];
    if (own) return { id, model: own };
    const others = Object.entries(this.manifest.models);
    const other = any ? others.find(([, model]) => model.scale === scale) : undefined;
    if (!other) throw new ModelError(`the file needs model ${id} (scale ${scale}), which is not here`);
    return { id: other[0], model: other[1] };
  }

  /**
   * Bytes of a graph: fetched once, checked against its hash, kept.
   *
   * @throws ModelError it cannot be fetched or is not what the manifest says.
   */
  async graph(name: string): Promise<Uint8Array> {
    const known = this.manifest.files[name];
    if (!known) throw new ModelError(`manifest.json: says nothing of ${name}`);
    const address = new URL(name, this.folder).href;
    const cache = await keptGraphs();
    const kept = await cache?.match(address);
    // the browser checks the hash of what it fetches, and hands out nothing else
    const response = kept ?? (await fetchChecked(address, `sha256-${known.sha256}`));
    if (!kept) await cache?.put(address, response.clone()).catch(() => undefined); // no room: fetched again next time
    return new Uint8Array(await response.arrayBuffer());
  }
}

async function fetchChecked(address: string, integrity: string): Promise<Response> {
  try {
    const response = await fetch(address, { integrity });
    if (!response.ok) throw new Error(`the server answers ${response.status}`);
    return response;
  } catch (error) {
    throw new ModelError(`${address}: cannot be fetched as it should be (${(error as Error).message})`);
  }
}

/** Pages that are not secure contexts have no such place, and some users allow none. */
async function keptGraphs(): Promise<Cache | undefined> {
  try {
    return await globalThis.caches?.open(CACHE);
  } catch {
    return undefined;
  }
}
