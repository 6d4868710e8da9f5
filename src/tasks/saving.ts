import { ProblemError } from '../domain/problem.ts';

/**
 * Does what writes a file or folder that a person named. Where the file system refuses, a ProblemError
 * (`output-unwritable`) that says of which; every other error passes as it is.
 */
export async function saving<T>(name: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error && 'code' in error)) throw error;
    const problem = {
      code: 'output-unwritable',
      message: `${name} cannot be written (${String(error.code)}).`,
      hint: 'Name a file in a folder that is there and that this process may write to, on a disk with room.',
    };
    throw new ProblemError(problem, { cause: error });
  }
}
