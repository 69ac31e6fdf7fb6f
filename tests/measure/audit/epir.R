# The oracle: what epiR 2.0.57 says. Debian: apt-get install r-cran-epir. Rscript epir.R > epir.csv
suppressMessages(library(epiR))
say <- function(...) cat(paste(..., sep = ","), "\n", sep = "")
d <- function(x) format(x, digits = 15, scientific = FALSE, trim = TRUE)
say("kind", "method", "a", "b", "se", "sp", "confidence", "r1", "r2", "r3", "r4", "r5", "r6")
counts <- list(c(12995, 20000), c(101, 20000), c(4, 200), c(1, 50), c(49, 50), c(0, 30), c(30, 30), c(7, 19), c(120, 400), c(2, 3), c(1, 2))
tools <- list(c(1, 1), c(0.9, 0.95), c(0.98, 0.999), c(0.6, 0.7))
for (count in counts) for (tool in tools) for (method in c("wilson", "c-p", "blaker")) for (level in c(0.95, 0.99)) {
  x <- suppressWarnings(epi.prev(count[1], count[2], tool[1], tool[2], method = method, units = 1, conf.level = level))
  say("prev", method, count[1], count[2], tool[1], tool[2], level, d(x$ap$est), d(x$ap$lower), d(x$ap$upper), d(x$tp$est), d(x$tp$lower), d(x$tp$upper))
}
for (p in c(0.005, 0.02, 0.3, 0.65)) for (e in c(0.002, 0.01, 0.05)) for (n in c(NA, 5000, 4621335)) for (tool in tools) {
  say("plan", "", p, e, tool[1], tool[2], 0.95, epi.sssimpleestb(N = n, Py = p, epsilon = e, error = "absolute", se = tool[1], sp = tool[2], nfractional = FALSE, conf.level = 0.95), n, "", "", "", "")
}
n <- c(3000000, 1200000, 421335); p <- c(0.01, 0.3, 0.85)
# error = "absolute" divides by the first stratum's share alone (a slip of 2.0.57), so the relative error is given.
for (e in c(0.002, 0.005, 0.02)) say("strata", "", "", e, "", "", 0.95, epi.ssstrataestb(n, p, epsilon = e / (sum(n * p) / sum(n)), error = "relative", nfractional = FALSE, conf.level = 0.95)$total.sample, "", "", "", "", "")
