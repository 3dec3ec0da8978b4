// Set-top boxes, known by their vendor class, get addresses from a pool of their own.

import type { Request, Terms, Verdict } from "lessor:policy/types@0.1.2";

/** What the operator writes below `[settings]` in the file beside the policy. */
interface Settings {
  "vendor-class": string;
  pool: string;
}

let settings: Settings;

export const configuring = {
  /** Called once, before anything else. What is thrown refuses the reload and is shown to the operator. */
  configure(text: string): void {
    const found = JSON.parse(text);
    for (const key of ["vendor-class", "pool"]) {
      if (typeof found[key] !== "string") throw `write ${key} = "…" below [settings]`;
    }
    settings = found;
  },
};

function decide(request: Request, terms: Terms): Verdict {
  const vendorClass = request.vendorClass() ?? "";
  if (vendorClass.startsWith(settings["vendor-class"])) {
    terms.setPool(settings.pool);
    terms.setLeaseTimeSecs(3600);
  }
  return { tag: "proceed" };
}

export const onDiscover = { handle: decide };
/** Asked again when the client takes the offer and when it renews: decide the same. */
export const onRequest = { handle: decide };
