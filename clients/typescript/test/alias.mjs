// Resolves imports of the example as Next.js does: `@/` is its folder, and endings may be left out.
const FOLDER = new URL("../build/next/", import.meta.url);

export function resolve(specifier, context, next) {
  return next(specifier.startsWith("@/") ? `${new URL(specifier.slice(2), FOLDER)}.js` : specifier, context);
}
