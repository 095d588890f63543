// Builds dist/ from src/: `node scripts/build.mjs` (about a second; no arguments, silent when all is well).
//
//   dist/main.js    starts the program beside it, program.cjs: one self-contained file, so that it starts fast, runs
//                   without node_modules and opens no hundreds of modules (which fails under a small `ulimit -n`);
//                   program.cache is its machine code for this version of Node
//   dist/index.js   the library, with its declarations: imports `effect` from the application that uses it,
//                   since two copies of Effect in one process do not share fibers, contexts and metrics
//
// Types are checked by `npm run types`, not here.
import { build } from "esbuild"
import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { once } from "node:events"
import { appendFile, chmod, cp, readFile, readdir, rm, writeFile } from "node:fs/promises"
import { createRequire, isBuiltin } from "node:module"
import { dirname, join } from "node:path"
import { chdir } from "node:process"
import { fileURLToPath } from "node:url"

chdir(fileURLToPath(new URL("..", import.meta.url)))
const json = async (path) => JSON.parse(await readFile(path, "utf8"))
const manifest = await json("package.json")

const shared = {
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  define: { ACHAT_VERSION: JSON.stringify(manifest.version) },
  metafile: true,
  logLevel: "warning"
}

/** Native helpers that `ws` uses if they are there; it comes with the HTTP server of @effect/platform-node. */
const optional = ["bufferutil", "utf-8-validate"]

const program = () =>
  build({
    ...shared,
    entryPoints: ["src/main.ts"],
    outfile: "dist/program.cjs",
    format: "cjs",
    minifySyntax: true, // identifiers stay: 5 ms for names in stack traces and profiles
    minifyWhitespace: true,
    legalComments: "none", // licenses() carries them
    external: optional,
    define: { ...shared.define, "import.meta.url": "base" },
    banner: { js: "(function (require, base) {" },
    footer: { js: "})" }
  })

const launcher = () =>
  build({
    ...shared,
    entryPoints: ["src/launcher.ts"],
    outfile: "dist/main.js",
    minifySyntax: true,
    banner: { js: "#!/usr/bin/env node" }
  })

const library = () =>
  build({ ...shared, entryPoints: ["src/index.ts"], outfile: "dist/index.js", packages: "external" })

/** Declarations of what `index.ts` reaches, and of nothing else, with the options of tsconfig.json. */
const declarations = async () => {
  const { noEmit: _, ...options } = (await json("tsconfig.json")).compilerOptions
  const emit = {
    noCheck: true,
    declaration: true,
    stripInternal: true,
    emitDeclarationOnly: true,
    rootDir: "src",
    outDir: "dist"
  }
  const flags = Object.entries({ ...options, ...emit }).flatMap(([name, value]) => [`--${name}`, String(value)])
  const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc")
  await node(tsc, "--ignoreConfig", ...flags, "src/index.ts")
}

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex")

const node = async (...args) => {
  const [code] = await once(spawn(process.execPath, args, { stdio: "inherit" }), "exit")
  if (code !== 0) throw new Error(`${args[0]} ended with ${code}`)
}

/** A user of the package gets only what package.json declares, whatever happens to be installed here. */
const checkImports = ({ outputs }, declared) => {
  for (const [file, { imports }] of Object.entries(outputs)) {
    for (const { path } of imports) {
      const name = path.split("/", path.startsWith("@") ? 2 : 1).join("/")
      if (isBuiltin(path) || declared.includes(name)) continue
      throw new Error(`${file} imports "${path}", which is neither bundled nor a dependency of the package`)
    }
  }
}

/** The licenses of the packages inside the bundle, which ask to travel with it. */
const licenses = async ({ inputs }) => {
  const roots = Object.keys(inputs).map((path) => path.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0])
  const texts = [...new Set(roots)]
    .filter(Boolean)
    .toSorted()
    .map(async (root) => {
      const { name, version, license } = await json(join(root, "package.json"))
      const file = (await readdir(root)).find((name) => /^licen[cs]e/i.test(name))
      const text = file === undefined ? "" : await readFile(join(root, file), "utf8")
      return `${name} ${version} (${license})\n\n${text}`
    })
  await writeFile("dist/program.cjs.LICENSE.txt", (await Promise.all(texts)).join(`\n\n${"-".repeat(80)}\n\n`))
}

try {
  await rm("dist", { recursive: true, force: true })
  const [main, index] = await Promise.all([program(), library(), declarations(), launcher()])
  checkImports(main.metafile, optional)
  checkImports(index.metafile, Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }))
  await licenses(main.metafile)
  await cp("src/admin/page", "dist/page", { recursive: true })
  await chmod("dist/main.js", 0o755)
  await appendFile("dist/program.cjs", `// ${sha256(await readFile("dist/program.cjs"))}`)
  await node("scripts/code-cache.mjs")
} catch (error) {
  if (error.errors === undefined) console.error(`build: ${error.message}`) // esbuild has printed its own
  process.exitCode = 1
}
