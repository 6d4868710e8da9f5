import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/**
 * What the server does to requests from now on. `status`: answers so. `stall`: takes the request and never answers.
 * `garbage`: 200 and a page. `cut`: so many bytes of the answer to a fetch, then the connection ends. `wrong`: the bytes
 * of a pack are not those that were meant. `redirect`: to another address.
 */
export type GitServerFault =
  | { readonly kind: 'none' | 'stall' | 'garbage' | 'wrong' }
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'cut'; readonly bytes: number }
  | { readonly kind: 'redirect'; readonly to: string };

export interface GitServer {
  /** Of the repository. */
  readonly url: string;
  /** Where it really is. */
  readonly path: string;
  readonly requests: { readonly method: string; readonly path: string; readonly authorization: string | undefined }[];
  fault: GitServerFault;
  /** The password that it wants; undefined: none. */
  token: string | undefined;
  /** Runs git in the work tree that pushes to it. */
  git(...args: string[]): string;
  /** Writes (`null`: removes) files, commits and pushes; gives the commit. */
  commit(files: Readonly<Record<string, string | null>>, branch?: string): string;
  /** Puts a link there, to be committed. */
  link(path: string, target: string): void;
  /** Which branch `HEAD` is. */
  setDefault(branch: string): void;
  /** Feeds `git fast-import` and checks `main` out. */
  import(stream: string): void;
  start(): Promise<void>;
  stop(): Promise<void>;
  close(): Promise<void>;
}

const who = {
  GIT_AUTHOR_NAME: 'A',
  GIT_AUTHOR_EMAIL: 'a@example.com',
  GIT_COMMITTER_NAME: 'A',
  GIT_COMMITTER_EMAIL: 'a@example.com',
};

/** A real git server on loopback: `git http-backend` in front of one bare repository whose branch is `main`. */
export async function openGitServer(): Promise<GitServer> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'optoggles-git-')));
  const bare = join(folder, 'served', 'flags.git');
  const work = join(folder, 'work');
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: folder,
    GIT_CONFIG_NOSYSTEM: '1',
    ...who,
  };
  const run = (args: readonly string[], cwd: string, input?: string): string =>
    execFileSync('git', args, {
      cwd,
      env,
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(input && { input }),
    }).trim();
  mkdirSync(bare, { recursive: true });
  run(['init', '-q', '--bare', '-b', 'main', bare], folder);
  for (const [key, value] of [
    ['uploadpack.allowFilter', 'true'],
    ['uploadpack.allowAnySHA1InWant', 'true'],
  ] as const) {
    run(['config', key, value], bare);
  }
  run(['init', '-q', '-b', 'main', work], folder);
  run(['remote', 'add', 'origin', bare], work);

  let server: Server | undefined;
  let port = 0;
  const made: GitServer = {
    url: '',
    path: bare,
    requests: [],
    fault: { kind: 'none' },
    token: undefined,
    git: (...args) => run(args, work),
    commit(files, branch = 'main') {
      for (const [path, text] of Object.entries(files)) {
        const full = join(work, path);
        rmSync(full, { force: true, recursive: true });
        if (text === null) continue;
        mkdirSync(dirname(full), { recursive: true });
        writeFileSync(full, text);
      }
      run(['add', '-A'], work);
      run(['commit', '-q', '--allow-empty', '-m', 'a change'], work);
      run(['push', '-q', '--force', 'origin', `HEAD:refs/heads/${branch}`], work);
      return run(['rev-parse', 'HEAD'], work);
    },
    link(path, target) {
      rmSync(join(work, path), { force: true, recursive: true });
      symlinkSync(target, join(work, path));
    },
    setDefault(branch) {
      run(['symbolic-ref', 'HEAD', `refs/heads/${branch}`], bare);
    },
    import(stream) {
      run(['fast-import', '--quiet', '--force'], work, stream);
      run(['reset', '-q', '--hard', 'main'], work);
      run(['push', '-q', '--force', 'origin', 'main'], work);
    },
    start,
    stop,
    async close() {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };

  async function start(): Promise<void> {
    server = createServer(handle);
    await new Promise<void>(resolve => server?.listen(port, '127.0.0.1', resolve));
    ({ port } = server.address() as AddressInfo);
    Object.assign(made, { url: `http://127.0.0.1:${port}/flags.git` });
  }

  async function stop(): Promise<void> {
    if (server?.listening !== true) return;
    server.closeAllConnections();
    await new Promise(resolve => server?.close(resolve));
  }

  function handle(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, search } = new URL(request.url ?? '/', 'http://x');
    const { authorization } = request.headers;
    made.requests.push({ method: request.method ?? '', path: `${pathname}${search}`, authorization });
    const { fault } = made;
    const password = Buffer.from(authorization?.replace(/^Basic /, '') ?? '', 'base64')
      .toString()
      .split(':')[1];
    if (made.token !== undefined && password !== made.token) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end('no');
    } else if (fault.kind === 'status') response.writeHead(fault.status).end('broken');
    else if (fault.kind === 'garbage')
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Sign in</html>');
    else if (fault.kind === 'redirect') response.writeHead(302, { location: `${fault.to}${pathname}${search}` }).end();
    else if (fault.kind !== 'stall') serve(request, response, pathname, search.slice(1), fault);
  }

  /** https://git-scm.com/docs/git-http-backend, as a CGI program (RFC 3875). */
  function serve(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    query: string,
    fault: GitServerFault,
  ): void {
    const header = (name: string): string => String(request.headers[name] ?? '');
    const child = spawn('git', ['http-backend'], {
      env: {
        ...env,
        GIT_PROJECT_ROOT: dirname(bare),
        GIT_HTTP_EXPORT_ALL: '1',
        PATH_INFO: path,
        QUERY_STRING: query,
        REQUEST_METHOD: request.method ?? 'GET',
        CONTENT_TYPE: header('content-type'),
        CONTENT_LENGTH: header('content-length'),
        HTTP_CONTENT_ENCODING: header('content-encoding'),
        GIT_PROTOCOL: header('git-protocol'),
        REMOTE_ADDR: '127.0.0.1',
      },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    request.pipe(child.stdin);
    child.stdin.on('error', () => {});
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.once('close', () => {
      const all = Buffer.concat(chunks);
      const end = all.indexOf('\r\n\r\n');
      const headers = all
        .toString('latin1', 0, end)
        .split('\r\n')
        .map(line => line.split(': ', 2) as [string, string]);
      const status = Number(headers.find(([name]) => name === 'Status')?.[1]?.slice(0, 3) ?? 200);
      const body = all.subarray(end + 4);
      response.writeHead(status, Object.fromEntries(headers.filter(([name]) => name !== 'Status')));
      const isPack = path.endsWith('/git-upload-pack') && body.includes('PACK');
      if (isPack && fault.kind === 'cut') {
        response.write(body.subarray(0, fault.bytes));
        setImmediate(() => response.destroy());
        return;
      }
      if (isPack && fault.kind === 'wrong') body.fill(7, body.indexOf('PACK') + 30, body.indexOf('PACK') + 40);
      response.end(body);
    });
  }

  await start();
  return made;
}
