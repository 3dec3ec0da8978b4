const GARDEN = "walled-gardn";

function decide(request, terms) {
  terms.pool = GARDEN;
}
