"""Operators that a TorchScript file may call: those of image networks, which only compute.

A list of what is allowed, not of what is forbidden: torch has about 2,300 operators, among them
some that open files, call other machines, or change settings of the whole process, and every
package that is imported may register more.
"""

from __future__ import annotations

#: Operators of torch: ``torch.NAME`` in a file's code, ``aten::NAME`` in its graph.
_TORCH = """
abs abs_ absolute absolute_ acos acos_ acosh acosh_ adaptive_avg_pool1d _adaptive_avg_pool2d
adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_avg_pool3d adaptive_max_pool1d
adaptive_max_pool2d adaptive_max_pool3d add add_ addbmm addbmm_ addcdiv addcdiv_ addcmul addcmul_
addmm addmm_ addmv addmv_ addr addr_ adjoint affine_grid_generator alias all allclose
alpha_dropout alpha_dropout_ amax amin aminmax __and__ angle any append arange arccos arccos_
arccosh arccosh_ arcsin arcsin_ arcsinh arcsinh_ arctan arctan_ arctan2 arctan2_ arctanh arctanh_
argmax argmin argsort argwhere as_strided as_strided_ as_strided_scatter as_tensor asin asin_
asinh asinh_ _assert_async _assert_tensor_metadata atan atan_ atan2 atan2_ atanh atanh_ atleast_1d
atleast_2d atleast_3d avg_pool1d avg_pool2d avg_pool3d baddbmm baddbmm_ bartlett_window batch_norm
_batch_norm_impl_index bernoulli bernoulli_ bilinear bin binary_cross_entropy
binary_cross_entropy_with_logits bincount binomial bitwise_and bitwise_and_ bitwise_left_shift
bitwise_left_shift_ bitwise_not bitwise_not_ bitwise_or bitwise_or_ bitwise_right_shift
bitwise_right_shift_ bitwise_xor bitwise_xor_ blackman_window block_diag bmm Bool broadcast_shapes
broadcast_tensors broadcast_to bucketize capitalize cartesian_prod _cast_Double _cast_Float
_cast_Half _cast_Int _cast_Long cat cauchy cdist _cdist_forward ceil ceil_ celu celu_ center
chain_matmul chalf channel_shuffle cholesky_inverse cholesky_solve chr chunk clamp clamp_
clamp_max clamp_max_ clamp_min clamp_min_ clear clip clip_ clone col2im column_stack combinations
complex concat concatenate _conj conj conj_physical conj_physical_ constant_pad_nd __contains__
contiguous conv1d conv2d conv3d conv_depthwise3d conv_transpose1d conv_transpose2d
conv_transpose3d _convolution convolution _convolution_mode copy copy_ copysign copysign_ corrcoef
cos cos_ cosh cosh_ cosine_embedding_loss cosine_similarity count count_nonzero cov cpu cross
cross_entropy_loss ctc_loss cuda cummax cummin cumprod cumprod_ cumsum cumsum_
cumulative_trapezoid data deg2rad deg2rad_ degrees Delete dequantize __derive_index det detach
detach_ device diag diag_embed diagflat diagonal diagonal_scatter dict diff digamma digamma_ dim
dist div div_ divide divide_ divmod dot dropout dropout_ dsplit dstack einsum element_size elu
elu_ embedding _embedding_bag embedding_bag empty _empty_affine_quantized empty_like
_empty_per_channel_affine_quantized empty_quantized empty_strided endswith eq eq_ equal erf erf_
erfc erfc_ erfinv erfinv_ _euclidean_dist exp exp_ exp2 exp2_ expand expand_as expandtabs expm1
expm1_ exponential exponential_ extend eye fabs factorial fake_quantize_per_channel_affine
fake_quantize_per_channel_affine_cachemask fake_quantize_per_tensor_affine
fake_quantize_per_tensor_affine_cachemask
_fake_quantize_per_tensor_affine_cachemask_tensor_qparams feature_alpha_dropout
feature_alpha_dropout_ feature_dropout feature_dropout_ _fft_c2c _fft_c2r fft_fft fft_fft2
fft_fftfreq fft_fftn fft_fftshift fft_hfft fft_hfft2 fft_hfftn fft_ifft fft_ifft2 fft_ifftn
fft_ifftshift fft_ihfft fft_ihfft2 fft_ihfftn fft_irfft fft_irfft2 fft_irfftn _fft_r2c fft_rfft
fft_rfft2 fft_rfftfreq fft_rfftn fill fill_ fill_diagonal_ find fix fix_ flatten flip fliplr
flipud Float float_power float_power_ FloatImplicit floor floor_ floor_divide floor_divide_
floordiv fmax fmin fmod fmod_ format frac frac_ fractional_max_pool2d fractional_max_pool3d frexp
frobenius_norm full full_like _functional_assert_async fused_moving_avg_obs_fake_quant
_fused_sdp_choice gamma gather gcd gcd_ ge ge_ gelu gelu_ gelu_backward geometric geometric_ geqrf
ger get get_autocast_dtype get_device _get_tracing_state __getitem__ glu grad gradient greater
greater_ greater_equal greater_equal_ grid_sampler grid_sampler_2d grid_sampler_3d group_norm gru
gru_cell gt gt_ hamming_window hann_window hardshrink hardsigmoid hardsigmoid_ hardswish
hardswish_ hardtanh hardtanh_ heaviside heaviside_ hex hinge_embedding_loss histc histogram
histogramdd hsplit hstack huber_loss hypot hypot_ i0 i0_ __iand__ igamma igamma_ igammac igammac_
im2col imag index index_add index_add_ index_fill index_fill_ index_put index_put_ index_reduce
index_reduce_ index_select indices _infer_size inner insert instance_norm Int int_repr
__interpolate IntImplicit inverse __ior__ __is__ is_autocast_cpu_enabled is_autocast_enabled
is_complex is_conj is_contiguous is_floating_point is_grad_enabled is_inference is_leaf is_neg
is_nonzero is_same_size is_scripting is_signed _is_zerotensor isalnum isalpha isclose isdecimal
isdigit isfinite isidentifier isin isinf islower isnan isneginf __isnot__ isnumeric isposinf
isprintable isreal isspace istft istitle isupper item items __ixor__ join kaiser_window keys
kl_div kron kthvalue l1_loss layer_norm lcm lcm_ ldexp ldexp_ le le_ leaky_relu leaky_relu_ len
lerp lerp_ less less_ less_equal less_equal_ lgamma lgamma_ linalg__powsum linalg_cholesky
linalg_cholesky_ex linalg_cond linalg_cross _linalg_det linalg_det linalg_diagonal linalg_eig
_linalg_eigh linalg_eigh linalg_eigvals linalg_eigvalsh linalg_householder_product linalg_inv
linalg_inv_ex linalg_ldl_factor linalg_ldl_factor_ex linalg_ldl_solve linalg_lstsq linalg_lu
linalg_lu_factor linalg_lu_factor_ex linalg_lu_solve linalg_matmul linalg_matrix_exp
linalg_matrix_norm linalg_matrix_power linalg_matrix_rank linalg_matrix_sqrth linalg_multi_dot
linalg_norm linalg_pinv linalg_polar linalg_qr _linalg_slogdet linalg_slogdet linalg_solve
linalg_solve_ex linalg_solve_triangular _linalg_svd linalg_svd linalg_svdvals linalg_tensorinv
linalg_tensorsolve linalg_vander linalg_vecdot linalg_vector_norm linear linspace list
_list_to_tensor ljust log log_ log10 log10_ log1p log1p_ log2 log2_ log_normal log_normal_
log_sigmoid _log_softmax log_softmax logaddexp logaddexp2 logcumsumexp logdet logical_and
logical_and_ logical_not logical_not_ logical_or logical_or_ logical_xor logical_xor_ logit logit_
logspace logsumexp lower __lshift__ lstm lstm_cell lstrip lt lt_ lu_solve lu_unpack _lu_with_info
_make_per_channel_quantized_tensor _make_per_tensor_quantized_tensor margin_ranking_loss
masked_fill masked_fill_ masked_scatter masked_scatter_ masked_select mathremainder matmul
matrix_exp matrix_H matrix_power max max_pool1d max_pool1d_with_indices max_pool2d
max_pool2d_with_indices max_pool3d max_pool3d_with_indices max_unpool2d max_unpool3d maximum mean
median meshgrid mH min minimum mish mish_ mm mode modf moveaxis movedim mse_loss msort mT mul mul_
multi_margin_loss multilabel_margin_loss multinomial multiply multiply_ mv mvlgamma mvlgamma_
nan_to_num nan_to_num_ nanmean nanmedian nanquantile nansum narrow native_batch_norm
native_channel_shuffle native_dropout native_group_norm native_layer_norm
_native_multi_head_attention native_norm ne ne_ neg neg_ _neg_view negative negative_
_nested_tensor_from_mask _nested_tensor_from_mask_left_aligned new_empty new_empty_strided
new_full new_ones new_zeros nextafter nextafter_ nll_loss nll_loss2d nll_loss_nd nonzero
nonzero_numpy nonzero_static norm norm_except_dim normal normal_ __not__ not_equal not_equal_
nuclear_norm numel numpy_T oct one_hot ones ones_like __or__ ord orgqr ormqr outer
_pack_padded_sequence pad _pad_circular _pad_enum _pad_packed_sequence pad_sequence
pairwise_distance partition pdist percentFormat permute pinverse pixel_shuffle pixel_unshuffle
poisson poisson_nll_loss polar polygamma polygamma_ pop popitem positive pow pow_ prelu prod
promote_types put put_ q_per_channel_axis q_per_channel_scales q_per_channel_zero_points q_scale
q_zero_point qscheme quantile quantize_per_channel quantize_per_tensor quantize_per_tensor_dynamic
rad2deg rad2deg_ radians rand rand_like randint randint_like randn randn_like random random_
randperm range __range_length ravel real reciprocal reciprocal_ reflection_pad1d reflection_pad2d
reflection_pad3d relu relu_ relu6 relu6_ remainder remainder_ remove renorm renorm_ repeat
repeat_interleave replace replication_pad1d replication_pad2d replication_pad3d requires_grad_
reshape _reshape_alias reshape_as resize_ resize_as_ resolve_conj resolve_neg result_type reverse
rfind rindex rjust rms_norm rnn_relu rnn_relu_cell rnn_tanh rnn_tanh_cell roll rot90 round round_
__round_to_zero_floordiv row_stack rpartition rrelu rrelu_ __rshift__ rsplit rsqrt rsqrt_ rstrip
rsub _safe_softmax scalar_tensor ScalarImplicit scaled_dot_product_attention
_scaled_dot_product_attention_math _scaled_dot_product_flash_attention_for_cpu scatter scatter_
scatter_add scatter_add_ scatter_reduce scatter_reduce_ searchsorted segment_reduce select
select_scatter selu selu_ set_grad_enabled _set_item setdefault sgn sgn_ _shape_as_tensor sigmoid
sigmoid_ sign sign_ signbit silu silu_ sin sin_ sinc sinc_ sinh sinh_ Size size _size_if_not_equal
slice slice_inverse slice_scatter slogdet smooth_l1_loss soft_margin_loss _softmax softmax
softplus softshrink sort sorted special_entr special_erf special_erfc special_exp2 special_expit
special_expm1 special_log1p special_log_softmax special_logit special_logsumexp special_round
special_sinc special_softmax special_xlogy split split_with_sizes splitlines sqrt sqrt_ square
square_ squeeze squeeze_ _stack stack startswith std std_mean stft storage_offset str stride strip
sub sub_ subtract subtract_ sum sum_to_size svd swapaxes swapaxes_ swapcase swapdims swapdims_ t
t_ take take_along_dim tan tan_ tanh tanh_ tensor tensor_split _tensor_to_list tensordot threshold
threshold_ tile title to _to_copy _to_cpu to_dense to_padded_tensor topk trace
_transform_bias_rescale_qkv _transformer_encoder_layer_fwd transpose transpose_ trapezoid trapz
triangular_solve tril tril_ tril_indices _trilinear triplet_margin_loss triu triu_ triu_indices
true_divide true_divide_ trunc trunc_ type_as unbind unflatten unfold uniform uniform_ _unique2
unique_consecutive unique_dim unique_dim_consecutive unsafe_chunk unsafe_split
unsafe_split_with_sizes _unsafe_view unsqueeze unsqueeze_ _unwrap_optional update upper __upsample
upsample_bicubic2d _upsample_bicubic2d_aa __upsample_bilinear upsample_bilinear2d
_upsample_bilinear2d_aa _upsample_lanczos2d_aa upsample_linear1d __upsample_nearest
upsample_nearest1d upsample_nearest2d upsample_nearest3d _upsample_nearest_exact1d
_upsample_nearest_exact2d _upsample_nearest_exact3d upsample_trilinear3d values vander var
var_mean vdot view view_as view_as_complex view_as_real vsplit vstack warn _weight_norm
_weight_norm_interface where xlogy xlogy_ __xor__ zero zero_ zeros zeros_like zfill
"""

#: Operators of the language (``prim``): types, errors, attributes of tensors.
_LANGUAGE = """
BroadcastSizes EnumName EnumValue ModuleContainerIndex NumToTensor RaiseException StringIndex
TupleIndex TupleUnpack Uninitialized abs data device dtype is_cpu is_cuda is_ipu is_maia is_meta
is_mkldnn is_mps is_mtia is_nested is_quantized is_sparse is_sparse_csr is_vulkan is_xla is_xpu
itemsize layout max min name nbytes rangelist requires_grad shape tolist type unchecked_cast
unchecked_unwrap_optional index
"""

#: Operators of torchvision: boxes, and convolutions on moved places.
_TORCHVISION = """
box_iou_rotated deform_conv2d nms ps_roi_align ps_roi_pool qnms qroi_align roi_align roi_pool
"""

#: Operators on tensors of 8-bit integers.
_QUANTIZED = """
add add_out add_relu add_relu_out add_scalar add_scalar_out add_scalar_relu add_scalar_relu_out
batch_norm batch_norm1d batch_norm1d_relu batch_norm2d batch_norm2d_relu batch_norm3d
batch_norm3d_relu batch_norm_relu cat cat_out cat_relu cat_relu_out celu clamp conv1d
conv1d_dynamic conv1d_prepack conv1d_relu conv1d_unpack conv2d conv2d_add conv2d_add_relu
conv2d_dilation conv2d_dynamic conv2d_groups conv2d_output_padding conv2d_padding conv2d_prepack
conv2d_relu conv2d_stride conv2d_transpose conv2d_unpack conv2d_unpack_sizes conv3d
conv3d_dilation conv3d_dynamic conv3d_groups conv3d_output_padding conv3d_padding conv3d_prepack
conv3d_relu conv3d_stride conv3d_transpose conv3d_unpack conv_prepack conv_transpose1d
conv_transpose1d_dynamic conv_transpose1d_prepack conv_transpose1d_unpack conv_transpose2d
conv_transpose2d_dilation conv_transpose2d_dynamic conv_transpose2d_groups
conv_transpose2d_output_padding conv_transpose2d_padding conv_transpose2d_prepack
conv_transpose2d_stride conv_transpose2d_transpose conv_transpose2d_unpack conv_transpose3d
conv_transpose3d_dilation conv_transpose3d_dynamic conv_transpose3d_groups
conv_transpose3d_output_padding conv_transpose3d_padding conv_transpose3d_prepack
conv_transpose3d_stride conv_transpose3d_transpose conv_transpose3d_unpack conv_unpack dropout elu
group_norm hardswish instance_norm layer_norm leaky_relu linear linear_dynamic linear_dynamic_fp16
linear_leaky_relu linear_prepack linear_prepack_fp16 linear_relu linear_relu_dynamic
linear_relu_dynamic_fp16 linear_tanh linear_unpack linear_unpack_fp16 matmul max_pool1d max_pool2d
mul mul_out mul_relu mul_relu_out mul_scalar mul_scalar_out mul_scalar_relu mul_scalar_relu_out
prelu relu6 sigmoid softmax threshold
"""

#: Allowed operators by namespace.
OPERATORS: dict[str, frozenset[str]] = {
    "aten": frozenset(_TORCH.split()),
    "prim": frozenset(_LANGUAGE.split()),
    "torchvision": frozenset(_TORCHVISION.split()),
    "quantized": frozenset(_QUANTIZED.split()),
}

_FUNCTIONS = """
abs all annotate any bool complex dict enumerate float hasattr inf infj int isinstance len list max
min nan nanj number range reversed round sorted str sum tuple unchecked_cast uninitialized zip
__annotations__
"""
#: Functions, types and values of the language that code may name without a namespace. Not
#: ``getattr``: code may only call it, with the attribute's name as text.
FUNCTIONS = frozenset(_FUNCTIONS.split())
