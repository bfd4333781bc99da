/** The codes of gRPC that are decided on here. */
export const code = {
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  RESOURCE_EXHAUSTED: 8,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;

/** HTTP's word for each code of gRPC, by its number (reference: gRPC-gateway JSON). */
const httpStatuses = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401];

const httpNames: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  409: 'Conflict',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
};

/** The end of a call other than success. */
export class RestError extends Error {
  override readonly name = 'RestError';
  readonly code = 'REST_STATUS';
  /** The code of gRPC. */
  readonly status: number;

  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }

  get httpStatus(): number {
    return httpStatuses[this.status] ?? 500;
  }

  /** The body of a response: what etcd 3.6 says, and `error`, which clients of etcd 3.5 look at. */
  get body(): object {
    return { error: this.message, code: this.status, message: this.message };
  }

  /** The last line of a stream: what etcd 3.6 says, and beside it the names of etcd 3.5. */
  get line(): object {
    return {
      error: {
        code: this.status,
        message: this.message,
        grpc_code: this.status,
        http_code: this.httpStatus,
        http_status: httpNames[this.httpStatus] ?? '',
      },
    };
  }
}

/** Any failure of a backend as a status. What is no status is a bug or a broken machine: nobody is told more. */
export function toRestError(error: unknown): RestError {
  if (error instanceof RestError) return error;
  if (error instanceof Error && 'status' in error && typeof error.status === 'number') {
    return new RestError(error.status, error.message, { cause: error });
  }
  return new RestError(code.INTERNAL, 'internal error', { cause: error });
}
