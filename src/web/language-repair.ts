/**
 * A language that formatting understands: Chromium without a locale in its environment calls its own
 * "en-US@posix", and uPlot throws on that when it loads.
 */
try {
  new Intl.NumberFormat(navigator.language);
} catch {
  Object.defineProperty(navigator, "language", { value: "en-US" });
}
