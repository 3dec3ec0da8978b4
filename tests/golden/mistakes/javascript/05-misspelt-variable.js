const GARDEN = "walled-garden";

function decide(request, terms) {
  if (request.kind === "inform") terms.pool = GARDN;
}
