// Builds dist/ from src/: `node scripts/build.mjs [DIRECTORY]` (about a second; prints nothing on success; by default
// into dist/). It builds aside and then renames file by file: commands can start while it runs, and a build that fails
// changes nothing.
//
//   dist/main.js    starts program.cjs beside it: one self-contained file, which starts fast, needs no node_modules
//                   and does not open hundreds of modules (which would fail under a small `ulimit -n`).
//                   serve.cache, store.cache and program.cache are its machine code for this version of Node.
//   dist/store-thread.cjs
//                   the thread of a store in SQLite, which the program starts. On versions of Node without SQLite it
//                   requires the package that contains it from node_modules.
//   dist/hash-thread.cjs
//                   a thread that hashes passwords
//   dist/pg.cjs     the package pg, which the program loads for a store in Postgres only
//   dist/nats.cjs   the package @nats-io/transport-node, which the program loads for a cluster only
//   dist/web/       the page for browsers: see page.mjs
//   dist/library/   the library, with its declarations. It imports the application's own `effect`, since two copies
//                   of Effect in one process do not share fibers, contexts and metrics.
//
// The program is CommonJS, which starts faster, and the library has ES modules: each folder has a package.json that
// says so.
//
// This does not check types; `npm run types` does.
import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { once } from "node:events"
import { appendFile, chmod, cp, mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from "node:fs/promises"
import { createRequire, isBuiltin } from "node:module"
import { dirname, join, relative } from "node:path"
import { argv, chdir } from "node:process"
import { fileURLToPath } from "node:url"
import { bundle, load, optional } from "./bundle.mjs"
import { buildPage } from "./page.mjs"

chdir(fileURLToPath(new URL("..", import.meta.url)))
const json = async (path) => JSON.parse(await readFile(path, "utf8"))
const manifest = await json("package.json")

const dist = argv[2] ?? "dist"
await mkdir(dist, { recursive: true })
/** Where this build happens: in the directory, because a file can only be renamed within one file system. */
const aside = await mkdtemp(join(dist, ".build-"))

await import("./routines.mjs") // before anything is bundled

const program = () =>
  bundle({
    entryPoints: ["src/main.ts"],
    outfile: `${aside}/program.cjs`,
    format: "cjs",
    minifySyntax: true, // not identifiers: names in stack traces and profiles are worth 5 ms of start-up
    minifyWhitespace: true,
    legalComments: "none", // licenses() carries them
    metafile: true,
    define: { "import.meta.url": "base", ACHAT_STORE_THREAD: "storeThread" },
    banner: { js: "(function (require, base, storeThread) {" },
    footer: { js: "})" }
  })

const launcher = () =>
  bundle({
    entryPoints: ["src/launcher.ts"],
    outfile: `${aside}/main.js`,
    format: "cjs",
    minifySyntax: true,
    banner: { js: "#!/usr/bin/env node" }
  })

const storeThread = () =>
  bundle({
    entryPoints: ["src/store/SqliteThread.ts"],
    outfile: `${aside}/store-thread.cjs`,
    format: "cjs",
    minifySyntax: true,
    minifyWhitespace: true,
    metafile: true
  })

const hashThread = () =>
  bundle({
    entryPoints: ["src/accounts/HashThread.ts"],
    outfile: `${aside}/hash-thread.cjs`,
    format: "cjs",
    minifySyntax: true,
    minifyWhitespace: true,
    metafile: true
  })

const postgresDriver = () =>
  bundle({
    entryPoints: ["node_modules/pg/lib/index.js"],
    outfile: `${aside}/pg.cjs`,
    format: "cjs",
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: "none", // licenses() carries them
    metafile: true,
    external: ["pg-native", "pg-cloudflare"] // which pg loads only if they are installed
  })

const natsDriver = () =>
  bundle({
    entryPoints: ["node_modules/@nats-io/transport-node/index.js"],
    outfile: `${aside}/nats.cjs`,
    format: "cjs",
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: "none", // licenses() carries them
    metafile: true
  })

const library = () =>
  bundle({ entryPoints: ["src/index.ts"], outfile: `${aside}/library/index.js`, packages: "external", metafile: true })

/** Declarations of the modules that `index.ts` reaches, with the options of tsconfig.json. */
const declarations = async () => {
  const { noEmit: _, ...options } = (await json("tsconfig.json")).compilerOptions
  const emit = {
    noCheck: true,
    declaration: true,
    stripInternal: true,
    emitDeclarationOnly: true,
    rootDir: "src",
    outDir: `${aside}/library`
  }
  const flags = Object.entries({ ...options, ...emit }).flatMap(([name, value]) => [`--${name}`, String(value)])
  const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc")
  await node(tsc, "--ignoreConfig", ...flags, "src/index.ts")
  await describeLimits()
}

/** Adds the descriptions of the limits to their declarations. Editors show them for the options of a server. */
const describeLimits = async () => {
  const { limits } = await load("src/chat/Limits.ts")
  const keys = new Map(Object.entries(limits).map(([key, { name }]) => [`--${name}`, `\`${key}\``]))
  const file = `${aside}/library/chat/Limits.d.ts`
  let text = await readFile(file, "utf8")
  for (const [key, { about, off = false }] of Object.entries(limits)) {
    const description = about.replaceAll(/--[a-z-]+/g, (flag) => keys.get(flag) ?? flag)
    const row = new RegExp(`^ +(?:/\\*\\* (.*) \\*/\\s+)?${key}: `, "m")
    text = text.replace(row, (_, more) => {
      const comment = [`${description}.`, off ? "0 is no limit." : [], more ?? []].flat().join(" ")
      return `    /** ${comment} */\n    ${key}: `
    })
  }
  await writeFile(file, text)
}

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex")

const node = async (...args) => {
  const [code] = await once(spawn(process.execPath, args, { stdio: "inherit" }), "exit")
  if (code !== 0) throw new Error(`${args[0]} ended with ${code}`)
}

/** Users of the package have only the dependencies that package.json declares, whatever is installed here. */
const checkImports = ({ outputs }, declared) => {
  for (const [file, { imports }] of Object.entries(outputs)) {
    for (const { path } of imports) {
      const name = path.split("/", path.startsWith("@") ? 2 : 1).join("/")
      if (isBuiltin(path) || declared.includes(name)) continue
      throw new Error(`${file} imports "${path}", which is neither bundled nor a dependency of the package`)
    }
  }
}

/** The licenses of the bundled packages require that their texts accompany the bundle. */
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
  await writeFile(`${aside}/program.cjs.LICENSE.txt`, (await Promise.all(texts)).join(`\n\n${"-".repeat(80)}\n\n`))
}

const filesIn = async (folder) => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath, entry.name)))
}

/**
 * Puts the new files in the place of the old ones, and then removes those that are no longer built. A program that
 * starts meanwhile finds every file. The caches come after `program.cjs`, since a cache of another program is ignored.
 */
const publish = async () => {
  const files = await filesIn(aside)
  const last = ["program.cjs", "serve.cache", "store.cache", "program.cache", "main.js"]
  for (const file of [...files.filter((file) => !last.includes(file)), ...last]) {
    await mkdir(dirname(join(dist, file)), { recursive: true })
    await rename(join(aside, file), join(dist, file))
  }
  const built = new Set(files)
  for (const file of await filesIn(dist)) {
    // Another build may be under way in a directory with a dot.
    if (!built.has(file) && !file.startsWith(".")) await rm(join(dist, file), { force: true })
  }
  for (const entry of await readdir(dist, { withFileTypes: true })) {
    if (
      entry.isDirectory() &&
      !entry.name.startsWith(".") &&
      !files.some((file) => file.startsWith(`${entry.name}/`))
    ) {
      await rm(join(dist, entry.name), { recursive: true, force: true })
    }
  }
}

/** The operator's page. Its look is partly that of the page for browsers. */
const adminPage = async (folder) => {
  await cp("src/admin/page", folder, { recursive: true })
  await bundle({ entryPoints: ["src/admin/page/page.css"], outfile: `${folder}/page.css`, minify: true })
}

try {
  const [main, index, thread, hashing, driver, nats, page] = await Promise.all([
    program(),
    library(),
    storeThread(),
    hashThread(),
    postgresDriver(),
    natsDriver(),
    buildPage(`${aside}/web`),
    declarations(),
    launcher()
  ])
  checkImports(main.metafile, optional)
  checkImports(thread.metafile, [])
  checkImports(hashing.metafile, [])
  checkImports(driver.metafile, ["pg-native", "pg-cloudflare"])
  checkImports(nats.metafile, [])
  checkImports(page, [])
  checkImports(index.metafile, Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }))
  await licenses({
    inputs: { ...main.metafile.inputs, ...driver.metafile.inputs, ...nats.metafile.inputs, ...page.inputs }
  })
  await adminPage(`${aside}/page`)
  await chmod(`${aside}/main.js`, 0o755)
  await appendFile(`${aside}/program.cjs`, `// ${sha256(await readFile(`${aside}/program.cjs`))}`)
  await writeFile(`${aside}/package.json`, `${JSON.stringify({ type: "commonjs" })}\n`)
  await writeFile(`${aside}/library/package.json`, `${JSON.stringify({ type: "module" })}\n`)
  await node("scripts/code-cache.mjs", aside)
  await publish()
} catch (error) {
  if (error.errors === undefined) console.error(`build: ${error.message}`) // esbuild has already printed its own errors
  process.exitCode = 1
} finally {
  await rm(aside, { recursive: true, force: true })
}
