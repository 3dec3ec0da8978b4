const fs = require("fs");

function decide(request, terms) {
  terms.pool = fs.readFileSync("pool.txt");
}
