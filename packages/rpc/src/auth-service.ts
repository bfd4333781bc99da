import { rpcpb } from '@quorate/wire';
import { generatedMethod } from './generated-method.ts';
import type { Member } from './member.ts';
import type { ServiceMethod } from './service-method.ts';

const { methods } = rpcpb.AuthDefinition;

/** `etcdserverpb.Auth`. */
export function authService({ auth }: Member): Record<keyof typeof methods, ServiceMethod> {
  return {
    authenticate: generatedMethod(methods.authenticate, (request, { address, signal }) =>
      auth.authenticate(request, { address, signal }),
    ),
    authStatus: generatedMethod(methods.authStatus, () => auth.status()),
    authEnable: generatedMethod(methods.authEnable, (_request, _call, caller) => auth.enable(caller)),
    authDisable: generatedMethod(methods.authDisable, (_request, _call, caller) => auth.disable(caller)),
    userAdd: generatedMethod(methods.userAdd, (request, _call, caller) => auth.userAdd(request, caller)),
    userDelete: generatedMethod(methods.userDelete, (request, _call, caller) =>
      auth.userDelete(request, caller),
    ),
    userChangePassword: generatedMethod(methods.userChangePassword, (request, _call, caller) =>
      auth.userChangePassword(request, caller),
    ),
    userGrantRole: generatedMethod(methods.userGrantRole, (request, _call, caller) =>
      auth.userGrantRole(request, caller),
    ),
    userRevokeRole: generatedMethod(methods.userRevokeRole, (request, _call, caller) =>
      auth.userRevokeRole(request, caller),
    ),
    userGet: generatedMethod(methods.userGet, (request, _call, caller) => auth.userGet(request, caller)),
    userList: generatedMethod(methods.userList, (_request, _call, caller) => auth.userList(caller)),
    roleAdd: generatedMethod(methods.roleAdd, (request, _call, caller) => auth.roleAdd(request, caller)),
    roleDelete: generatedMethod(methods.roleDelete, (request, _call, caller) =>
      auth.roleDelete(request, caller),
    ),
    roleGrantPermission: generatedMethod(methods.roleGrantPermission, (request, _call, caller) =>
      auth.roleGrantPermission(request, caller),
    ),
    roleRevokePermission: generatedMethod(methods.roleRevokePermission, (request, _call, caller) =>
      auth.roleRevokePermission(request, caller),
    ),
    roleGet: generatedMethod(methods.roleGet, (request, _call, caller) => auth.roleGet(request, caller)),
    roleList: generatedMethod(methods.roleList, (_request, _call, caller) => auth.roleList(caller)),
  };
}
