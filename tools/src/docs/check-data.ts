import { parseAllDocuments } from 'yaml';
import type { CodeBlock } from './markdown.ts';

/**
 * What is wrong with a block of JSON or YAML; undefined when nothing is, and for other languages. JSON may be one document, or
 * one a line as streams are.
 */
export function dataProblem({ language, code }: CodeBlock): string | undefined {
  if (language === 'json')
    return isJson(code) || code.trim().split('\n').every(isJson) ? undefined : 'is not JSON';
  if (language !== 'yaml' && language !== 'yml') return undefined;
  const [error] = parseAllDocuments(code).flatMap((document) => document.errors);
  return error?.message;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
