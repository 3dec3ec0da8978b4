import { pools } from "./pools.js";

function decide(request, terms) {
  terms.pool = pools[0];
}
